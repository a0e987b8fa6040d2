"""Waiting with an end: deadlines, polling for a condition, and the delays between retries.

No code of this project sleeps for luck. It asks until something is so, or until a deadline that it can name has passed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")
Clock = Callable[[], float]


@dataclass(frozen=True)
class Deadline:
    """A point on a monotonic clock, in seconds, that several steps can share."""

    at_s: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> Deadline:
        """The point `seconds` from now."""
        return cls(clock() + seconds, clock)

    @property
    def remaining_s(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at_s - self.clock())

    @property
    def expired(self) -> bool:
        """Whether the point has passed."""
        return self.clock() >= self.at_s


def wait_until(
    probe: Callable[[], T | None],
    deadline_s: float,
    what: str,
    interval_s: float = 0.1,
    *,
    clock: Clock = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Ask `probe` every `interval_s` until it answers something other than None or False, and return that.

    The probe is asked at least once, and once more when the time is up. What it raises passes through.

    Raises:
        TimeoutError: nothing came within `deadline_s` seconds; the message names `what`.
    """
    deadline = Deadline.after(deadline_s, clock)
    while True:
        last = deadline.expired
        answer = probe()
        if answer is not None and answer is not False:
            return answer
        if last:
            raise TimeoutError(f"waited {deadline_s:g} s for {what}")
        sleep(min(interval_s, deadline.remaining_s))


async def until(condition: Callable[[], bool], deadline_s: float | None = None, interval_s: float = 0.02) -> bool:
    """Wait on the event loop until `condition` holds; False when `deadline_s` passed first.

    Without a deadline the wait is part of a state that the caller reports (an outage has no known end).
    """
    deadline = Deadline.after(float("inf") if deadline_s is None else deadline_s)
    while not condition():
        if deadline.expired:
            return False
        await asyncio.sleep(interval_s)
    return True


def backoff(base_s: float, cap_s: float, rng: Random | None = None) -> Iterator[float]:
    """Endless delays in seconds: uniform between 0 and a ceiling that doubles from `base_s` up to `cap_s`.

    This is "full jitter" (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015): clients that failed together
    do not come back together. Start a new one after a success.
    """
    draw = rng or Random()  # noqa: S311 - spreads retries, guards nothing
    ceiling = base_s
    while True:
        yield draw.uniform(0.0, min(ceiling, cap_s))
        ceiling = min(ceiling * 2, cap_s)
