"""When trading sessions begin: 04:00, 09:30 and 16:00 New York time for equities, 00:00 UTC for crypto.

Two users: the session VWAP starts anew with each session, and a form-T print moves prices only outside the regular
session. The same boundaries are rendered as SQL, so that the JVM and Python cannot disagree about daylight saving.

What begins at 16:00 lasts until 04:00 of the next day, and holidays need no entry (nobody trades). The early close of
a half day ends regular trading, which matters to form-T prints, but is no session boundary of the contract.
"""

from __future__ import annotations

from bisect import bisect_right
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

    Uses integer arithmetic and `MOD` only. New York's offsets of 2000 to 2040 and the known half days are written out.
    """
    cases = " ".join(f"WHEN {event_ts} < {at * NS} THEN {before * NS}" for at, before, _ in _offset_changes())
    after = _offset_changes()[-1][2]
    local = f"MOD({event_ts} + CASE {cases} ELSE {after * NS} END, {_DAY_S * NS})"
    afternoons = " OR ".join(
        f"{event_ts} >= {_new_york(day, _EARLY_CLOSE) * NS} AND {event_ts} < {_new_york(day, REGULAR_CLOSE) * NS}"
        for day in sorted(EARLY_CLOSES)
    )
    hours = f"{local} >= {_ns_of_day(REGULAR_OPEN)} AND {local} < {_ns_of_day(REGULAR_CLOSE)}"
    return f"({hours} AND NOT ({afternoons}))"


def _ns_of_day(at: time) -> int:
    return (at.hour * 3600 + at.minute * 60) * NS


@lru_cache(maxsize=1)
def _offset_changes() -> tuple[tuple[int, int, int], ...]:
    """(second since the epoch, offset before, offset from then on) of New York, offsets in seconds."""
    first = int(datetime(_SQL_YEARS.start, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(_SQL_YEARS.stop, 1, 1, tzinfo=UTC).timestamp())
    changes = []
    for midnight in range(first, last, _DAY_S):
        before, after = _offset(midnight), _offset(midnight + _DAY_S)
        if before != after:
            hours = range(midnight, midnight + _DAY_S + 1, 3600)
            changes.append((next(hour for hour in hours if _offset(hour) == after), before, after))
    return tuple(changes)


def _offset(second: int) -> int:
    offset = datetime.fromtimestamp(second, _NEW_YORK).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
