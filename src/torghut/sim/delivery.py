"""What reaches the clients of what happened, and when: delays, disorder, duplicates and silence, on demand.

Pure: events and times go in, events to send now come out. Only trades and bars are ever sent twice: they have an
identity that a client can know them by, while a repeated quote is a new event.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Final

import msgspec

from torghut.sim.events import CHANNEL, Event, Kind
from torghut.wire.times import NS_PER_S

REPEATABLE: Final = frozenset({Kind.TRADE, Kind.BAR, Kind.UPDATED_BAR})
_RECENT: Final = 20_000
_REPEAT_WITHIN_NS: Final = NS_PER_S // 2


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """How delivery deviates from "at once, in order, once each"."""

    muted: frozenset[str] = frozenset()
    delay_ns: int = 0
    disorder_ns: int = 0
    disorder_probability: float = 0.0
    duplicate_probability: float = 0.0

    @property
    def calm(self) -> bool:
        """Whether everything goes out at once, in order, once each."""
        return self == CALM


CALM: Final = Disturbance()


class Delivery:
    """The way from the tape to the connections."""

    def __init__(self, seed: int) -> None:
        self.disturbance = CALM
        self._random = Random(seed)  # noqa: S311 - faults, not secrets
        self._held: list[tuple[int, int, Event]] = []
        self._numbers = count()
        self._last_due = 0
        self._recent: deque[tuple[int, Event]] = deque(maxlen=_RECENT)

    def pass_on(self, now_ns: int, events: Sequence[Event]) -> Sequence[Event]:
        """Take what happened; returns what goes out now."""
        self._recent.extend((now_ns, event) for event in events if event.kind in REPEATABLE)
        if self.disturbance.calm and not self._held:
            return events
        for event in events:
            self._schedule(now_ns, event)
        return self.due(now_ns)

    def due(self, now_ns: int) -> list[Event]:
        """What was held back until now."""
        out = []
        while self._held and self._held[0][0] <= now_ns:
            out.append(heapq.heappop(self._held)[2])
        return out

    @property
    def waiting(self) -> int:
        """Messages that are held back."""
        return len(self._held)

    def recent(self, since_ns: int) -> list[Event]:
        """Trades and bars that happened since then (the newest 20,000 at most), oldest first."""
        return [event for happened, event in self._recent if happened >= since_ns]

    def _schedule(self, now_ns: int, event: Event) -> None:
        plan, draw = self.disturbance, self._random
        if CHANNEL[event.kind] in plan.muted:
            return
        # Without disorder nothing overtakes: what was delayed before a change of plan still goes first.
        due = self._last_due = max(now_ns + plan.delay_ns, self._last_due)
        if plan.disorder_ns and draw.random() < plan.disorder_probability:
            due += draw.randrange(plan.disorder_ns)
        self._push(due, event)
        if event.kind in REPEATABLE and draw.random() < plan.duplicate_probability:
            again = draw.choice(self._recent)[1] if draw.random() < 0.5 else event
            self._push(due + draw.randrange(_REPEAT_WITHIN_NS), again)

    def _push(self, due: int, event: Event) -> None:
        heapq.heappush(self._held, (due, next(self._numbers), event))


def channels_or_all(channels: Sequence[str]) -> frozenset[str]:
    """The named channels; none named means all."""
    return frozenset(channels or CHANNEL.values())
