"""Sessions of New York's exchanges: extended 04:00 to 20:00, regular 09:30 to 16:00, all of it New York time.

On half days the regular session ends at 13:00 and the late one at 17:00 (NYSE's published trading hours).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from torghut.calendar.nyse_days import EARLY_CLOSES, FIRST_DAY, HOLIDAYS, LAST_DAY
from torghut.calendar.session import Kind, TradingSession
from torghut.wire.times import NS_PER_S

_NEW_YORK: Final = ZoneInfo("America/New_York")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_NS: Final = 60 * NS_PER_S
_DAY: Final = timedelta(days=1)

_FULL: Final = (time(4), time(9, 30), time(16), time(20))
_HALF: Final = (time(4), time(9, 30), time(13), time(17))
_KINDS: Final = (Kind.PRE, Kind.REGULAR, Kind.POST)


class Nyse:
    """The calendar of NYSE, Nasdaq and the other stock exchanges: they keep the same days."""

    def session_at(self, ns: int) -> TradingSession:
        """The session, or the closed span, that contains the time."""
        return _session_of_minute(ns // _MINUTE_NS)

    def next_change(self, ns: int) -> int:
        """When the session that contains the time ends."""
        return self.session_at(ns).end

    def is_trading_day(self, day: date) -> bool:
        """Whether the exchanges open on that date; a guess (every weekday) where `knows` is false."""
        return day.weekday() < 5 and day not in HOLIDAYS

    def is_half_day(self, day: date) -> bool:
        """Whether the regular session ends at 13:00."""
        return day in EARLY_CLOSES

    def exchange_date(self, ns: int) -> date:
        """The date in New York."""
        return datetime.fromtimestamp(ns // NS_PER_S, _NEW_YORK).date()

    def knows(self, day: date) -> bool:
        """Whether the holidays of that time are known."""
        return FIRST_DAY <= day <= LAST_DAY


_NYSE: Final = Nyse()


@lru_cache(maxsize=4096)
def _session_of_minute(minute: int) -> TradingSession:
    """All changes are at whole minutes, so this may be remembered by the minute."""
    ns = minute * _MINUTE_NS
    today = _NYSE.exchange_date(ns)
    if _NYSE.is_trading_day(today):
        changes = _changes(today)
        for kind, start, end in zip(_KINDS, changes, changes[1:], strict=False):
            if start <= ns < end:
                return TradingSession(kind, start, end, _NYSE.knows(today))
    return _closed_at(ns, today)


def _closed_at(ns: int, today: date) -> TradingSession:
    before, after = today, today
    while not _NYSE.is_trading_day(before) or _changes(before)[-1] > ns:
        before -= _DAY
    while not _NYSE.is_trading_day(after) or _changes(after)[0] <= ns:
        after += _DAY
    known = _NYSE.knows(before) and _NYSE.knows(after)
    return TradingSession(Kind.CLOSED, _changes(before)[-1], _changes(after)[0], known)


@lru_cache(maxsize=64)
def _changes(day: date) -> tuple[int, ...]:
    """When the sessions of a trading day begin and the last one ends, in ns."""
    times = _HALF if day in EARLY_CLOSES else _FULL
    return tuple(_ns(datetime.combine(day, at, _NEW_YORK)) for at in times)


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
