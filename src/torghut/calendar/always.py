"""A market that never closes: crypto, and Alpaca's test feed. Its days begin at 00:00 UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from torghut.calendar.session import Kind, TradingSession
from torghut.wire.times import NS_PER_S

_DAY_NS: Final = 86_400 * NS_PER_S


class AlwaysOpen:
    """One session per UTC day."""

    def session_at(self, ns: int) -> TradingSession:
        """The UTC day that contains the time."""
        start = ns - ns % _DAY_NS
        return TradingSession(Kind.CRYPTO, start, start + _DAY_NS, known=True)

    def next_change(self, ns: int) -> int:
        """The next 00:00 UTC."""
        return self.session_at(ns).end

    def is_trading_day(self, day: date) -> bool:  # noqa: ARG002 - whichever it is
        """Always."""
        return True

    def exchange_date(self, ns: int) -> date:
        """The UTC date."""
        return datetime.fromtimestamp(ns // NS_PER_S, UTC).date()
