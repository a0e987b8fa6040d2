"""When markets trade: the sessions of New York's exchanges, and those of crypto, which never close.

Every "is it stale?" decision and every per-session indicator needs this. Days come from a small generated module
(`nyse_days`), so that nothing large is imported at run time; `known` on a session says whether they cover it.

New York time comes from `zoneinfo`: the system's time zone data, or the `tzdata` package where the system has none.
"""

from __future__ import annotations

from typing import Final

from torghut.calendar.always import AlwaysOpen
from torghut.calendar.nyse import Nyse
from torghut.calendar.session import Calendar, Kind, TradingSession

__all__ = ["ALWAYS_OPEN", "NYSE", "AlwaysOpen", "Calendar", "Kind", "Nyse", "TradingSession", "calendar_for"]

NYSE: Final = Nyse()
ALWAYS_OPEN: Final = AlwaysOpen()


def calendar_for(feed: str) -> Calendar:
    """The calendar of a feed of the contract: crypto and the test feed never close."""
    return ALWAYS_OPEN if feed in ("crypto", "test") else NYSE
