"""When the synthetic market is busy: the regular session in New York and its opening and closing bursts."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from torghut.wire.times import NS_PER_S

_NEW_YORK: Final = ZoneInfo("America/New_York")
_OPEN: Final = 9 * 60 + 30
_CLOSE: Final = 16 * 60
# Activity by minutes after the open or before the close, about 1 on average over the session.
_PROFILE: Final = ((2, 4.0), (10, 2.2), (30, 1.4), (90, 1.0))
_MIDDAY: Final = 0.75


class Hour(msgspec.Struct, frozen=True):
    """What the market is like at a moment."""

    regular_session: bool
    activity: float


def hour_at(ns: int) -> Hour:
    """The market at that moment. Weekdays count as trading days, holidays included: the synthetic market knows none.

    Outside the regular session the activity is even, so that a simulator is of use at any time of day.
    """
    local = datetime.fromtimestamp(ns // NS_PER_S, UTC).astimezone(_NEW_YORK)
    minute = _minutes(local.time())
    if local.weekday() >= 5 or not _OPEN <= minute < _CLOSE:
        return Hour(regular_session=False, activity=1.0)
    from_edge = min(minute - _OPEN, _CLOSE - minute - 1)
    activity = next((level for until, level in _PROFILE if from_edge < until), _MIDDAY)
    return Hour(regular_session=True, activity=activity)


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute
