"""When trading sessions begin: 04:00, 09:30 and 16:00 New York time for equities, 00:00 UTC for crypto.

Two users: the session VWAP starts anew with each session, and a form-T print moves prices only outside the regular
session. The same boundaries are rendered as SQL, so that the JVM and Python cannot disagree about daylight saving.

What begins at 16:00 lasts until 04:00 of the next day, and holidays need no entry (nobody trades). The early close of
a half day ends regular trading, which matters to form-T prints, but is no session boundary of the contract.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from torghut.calendar.nyse_days import EARLY_CLOSES

NS: Final = 1_000_000_000
_DAY_S: Final = 86_400
_NEW_YORK: Final = ZoneInfo("America/New_York")
_PREMARKET, REGULAR_OPEN, REGULAR_CLOSE, _EARLY_CLOSE = time(4), time(9, 30), time(16), time(13)
_SQL_YEARS: Final = range(2000, 2041)

SessionPlan: TypeAlias = Literal["us_equities", "crypto"]


class Session(msgspec.Struct, frozen=True, gc=False):
    """A trading session: `start` inclusive, `end` exclusive, in seconds since the epoch.

    `regular_end`: when regular trading ends (exclusive); `start` in a session that has none.
    """

    start: int
    end: int
    regular_end: int


def session_at(plan: SessionPlan, second: int) -> Session:
    """The session that the second (since the epoch) lies in."""
    starts, sessions = _day(plan, second // _DAY_S)
    return sessions[bisect_right(starts, second) - 1]


def in_regular_session(plan: SessionPlan, second: int) -> bool:
    """Whether regular trading goes on in that second (since the epoch). Never for crypto."""
    return second < session_at(plan, second).regular_end


@lru_cache(maxsize=64)
def _day(plan: SessionPlan, day: int) -> tuple[tuple[int, ...], tuple[Session, ...]]:
    """The sessions that touch one UTC day, the day counted from the epoch."""
    midnight = day * _DAY_S
    if plan == "crypto":
        return (midnight,), (Session(midnight, midnight + _DAY_S, midnight),)
    today = datetime.fromtimestamp(midnight, UTC).date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    bounds = (
        _new_york(yesterday, REGULAR_CLOSE),
        _new_york(today, _PREMARKET),
        _new_york(today, REGULAR_OPEN),
        _new_york(today, REGULAR_CLOSE),
        _new_york(tomorrow, _PREMARKET),
    )
    regular = _new_york(today, REGULAR_OPEN)
    close = _new_york(today, _EARLY_CLOSE if today in EARLY_CLOSES else REGULAR_CLOSE)
    sessions = tuple(Session(start, end, close if start == regular else start) for start, end in pairwise(bounds))
    return bounds[:-1], sessions


def _new_york(day: date, at: time) -> int:
    return int(datetime.combine(day, at, _NEW_YORK).timestamp())


def regular_session_sql(event_ts: str) -> str:
    """A SQL condition: regular trading goes on at the time in column `event_ts` (BIGINT ns).

    Uses integer arithmetic and `MOD` only. New York's summers of 2000 to 2040 and the known half days are written out.
    From 14:30 to 20:00 UTC trading is regular all year; an hour before in summer, an hour after in winter.
    """
    summer = _any_span(event_ts, _summers())
    afternoon = _any_span(
        event_ts, [(_new_york(day, _EARLY_CLOSE), _new_york(day, REGULAR_CLOSE)) for day in sorted(EARLY_CLOSES)]
    )
    of_day = f"MOD({event_ts}, {_DAY_S * NS})"
    return (
        f"(CASE WHEN {of_day} < {_of_day(13, 30)} OR {of_day} >= {_of_day(21, 0)} THEN FALSE "
        f"WHEN {of_day} < {_of_day(14, 30)} THEN {summer} WHEN {of_day} >= {_of_day(20, 0)} THEN NOT {summer} "
        f"ELSE TRUE END AND NOT {afternoon})"
    )


def _any_span(event_ts: str, spans: Iterable[tuple[int, int]]) -> str:
    tests = (f"{event_ts} >= {start * NS} AND {event_ts} < {end * NS}" for start, end in spans)
    return f"({' OR '.join(tests)})"


def _of_day(hour: int, minute: int) -> int:
    return (hour * 3600 + minute * 60) * NS


@lru_cache(maxsize=1)
def _summers() -> tuple[tuple[int, int], ...]:
    """When daylight saving begins and ends in New York, year by year, in seconds since the epoch."""
    found = []
    for year in _SQL_YEARS:
        january, december = (int(datetime(year, month, 1, tzinfo=UTC).timestamp()) for month in (1, 12))
        summer = [hour for hour in range(january, december, 3600) if _offset(hour) != _offset(january)]
        found.append((summer[0], summer[-1] + 3600))
    return tuple(found)


def _offset(second: int) -> int:
    offset = datetime.fromtimestamp(second, _NEW_YORK).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
