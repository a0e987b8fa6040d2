"""When things happened, in little memory: the longest stall of delivery, and quantiles of latencies."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

TICK_NS: Final = 10_000_000
"""Resolution of a timeline: 10 ms, which takes 8.6 MB for a day."""

_PAGE_TICKS: Final = 360_000  # one hour
_STEP: Final = math.log(1.01)


class Timeline:
    """The set of ticks in which something happened."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def mark(self, ns: int) -> None:
        """Something happened at `ns`."""
        page, tick = divmod(ns // TICK_NS, _PAGE_TICKS)
        try:
            self._pages[page][tick] = 1
        except KeyError:
            self._pages[page] = bytearray(_PAGE_TICKS)
            self._pages[page][tick] = 1

    def first(self, tick: int) -> int | None:
        """The first marked tick that is not before `tick`."""
        for page in sorted(self._pages):
            start = page * _PAGE_TICKS
            if start + _PAGE_TICKS > tick:
                found = self._pages[page].find(1, max(0, tick - start))
                if found >= 0:
                    return start + found
        return None


def longest_stall_ms(events: Timeline, records: Timeline, until_ns: int) -> float:
    """The longest time in which covered events happened and nothing was recorded, ms.

    A stall starts with the first event after the last record before it, and ends with the next record, or with
    `until_ns` when none came. A quiet market is no stall.
    """
    longest, end = 0, until_ns // TICK_NS
    event = events.first(0)
    while event is not None and event <= end:
        record = records.first(event)
        if record is None or record >= end:
            longest = max(longest, end - event)
            break
        longest = max(longest, record - event)
        event = events.first(record + 1)
    return longest * TICK_NS / 1e6


class Quantiles:
    """Quantiles of durations, to within 1 %, from a count per logarithmic step."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, ns: int, count: int = 1) -> None:
        """One more duration. What is below a microsecond, negative ones by unlike clocks too, counts as that."""
        self._counts[round(math.log(max(ns, 1000)) / _STEP)] += count

    def update(self, other: Quantiles) -> None:
        """Take in the counts of another one."""
        self._counts.update(other._counts)

    def ms(self, share: float) -> float | None:
        """The duration that `share` of all do not exceed, ms."""
        wanted = share * self._counts.total()
        for step in sorted(self._counts):
            wanted -= self._counts[step]
            if wanted <= 0:
                return round(math.exp(step * _STEP) / 1e6, 3)
        return None
