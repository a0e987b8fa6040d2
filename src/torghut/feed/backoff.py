"""How long to wait before the next attempt, by what went wrong.

Delays grow exponentially and are drawn at random, so that clients that failed together do not come back together
(AWS Architecture Blog, "Exponential Backoff And Jitter", 2015). A plain reconnect draws from the whole range ("full
jitter"); where the server has said no, half of the range is waited for certain, so that no draw makes a hot loop.
"""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec

from torghut.feed.errors import Recovery


class Schedule(msgspec.Struct, frozen=True):
    """Delays between `floor` times the ceiling and the ceiling, which doubles from `first_s` to `cap_s` seconds."""

    first_s: float
    cap_s: float
    floor: float = 0.0

    def delay_s(self, attempt: int, rng: Random) -> float:
        """The delay before attempt number `attempt` (from 1) after the first failure."""
        ceiling: float = min(self.cap_s, self.first_s * 2.0 ** min(attempt - 1, 60))
        return rng.uniform(self.floor * ceiling, ceiling)


RECONNECT: Final = Schedule(first_s=0.5, cap_s=30.0)
STAND_BY: Final = Schedule(first_s=1.0, cap_s=30.0, floor=0.5)
NEW_KEYS: Final = Schedule(first_s=4.0, cap_s=30.0, floor=0.5)


class Backoff:
    """Counts failures, one count per kind of recovery, and forgets them once a session has been stable."""

    def __init__(self, rng: Random, reconnect: Schedule = RECONNECT, stable_after_s: float = 30.0) -> None:
        """Start without failures.

        Args:
            rng: where jitter comes from.
            reconnect: the schedule of plain reconnects.
            stable_after_s: a session that streamed for so long was a success.
        """
        self._rng = rng
        self._schedules = {
            Recovery.RECONNECT: reconnect,
            Recovery.STAND_BY: STAND_BY,
            Recovery.SLOW_RETRY_WITH_NEW_KEYS: NEW_KEYS,
        }
        self._stable_after_s = stable_after_s
        self._failures: dict[Recovery, int] = {}
        self._streaming_since: float | None = None

    @property
    def attempt(self) -> int:
        """Failures since the last stable session."""
        return sum(self._failures.values())

    def streaming(self, now: float) -> None:
        """The session streams since `now` (monotonic seconds)."""
        self._streaming_since = now

    def failed(self, recovery: Recovery, now: float) -> float:
        """The session is over: seconds to wait before the next; infinity for what no retry helps.

        Raises:
            ValueError: the recovery does not end a session, so there is nothing to wait for.
        """
        since, self._streaming_since = self._streaming_since, None
        if since is not None and now - since >= self._stable_after_s:
            self._failures.clear()
        if recovery is Recovery.FINAL:
            return float("inf")
        schedule = self._schedules.get(recovery)
        if schedule is None:
            raise ValueError(f"{recovery.name} does not end a session")
        self._failures[recovery] = self._failures.get(recovery, 0) + 1
        return schedule.delay_s(self._failures[recovery], self._rng)
