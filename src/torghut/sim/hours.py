"""When the synthetic market is busy: the regular session in New York with its opening and closing bursts."""

from __future__ import annotations

from typing import Final

import msgspec

from torghut.calendar import NYSE, Kind
from torghut.wire.times import NS_PER_S

_MINUTE_NS: Final = 60 * NS_PER_S
# Activity by minutes after the open or before the close, about 1 on average over the session.
_PROFILE: Final = ((2, 4.0), (10, 2.2), (30, 1.4), (90, 1.0))
_MIDDAY: Final = 0.75


class Hour(msgspec.Struct, frozen=True):
    """What the market is like at a moment."""

    regular_session: bool
    activity: float


def hour_at(ns: int) -> Hour:
    """The market at that moment.

    Outside the regular session, also when the exchanges are closed, the activity is even, so that a simulator is of
    use at any time of any day.
    """
    session = NYSE.session_at(ns)
    if session.kind is not Kind.REGULAR:
        return Hour(regular_session=False, activity=1.0)
    from_edge = min(ns - session.start, session.end - ns - 1) // _MINUTE_NS
    activity = next((level for until, level in _PROFILE if from_edge < until), _MIDDAY)
    return Hour(regular_session=True, activity=activity)
