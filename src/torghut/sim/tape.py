"""Where things happen: every event goes to the ledger, then into history, then to whoever listens. In that order.

The ledger is flushed before anything is delivered, and history knows an event as soon as it happened.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from torghut.sim.changes import RecentTrades
from torghut.sim.events import CHANNEL, Event, Kind
from torghut.sim.history import History
from torghut.sim.ledger import Ledger
from torghut.wire.times import NS_PER_S

_AT_ONCE: Final = 4096

Listener = Callable[[Sequence[Event]], None]


class Tape:
    """The one way by which a market event comes into being."""

    def __init__(
        self, ledger: Ledger, clock: Callable[[], int], *, history_events: int, history_minutes: float
    ) -> None:
        self.ledger = ledger
        self.clock = clock
        self.counts: Counter[str] = Counter()
        self.recent = RecentTrades()
        self.unquoted: frozenset[str] = frozenset()
        """Symbols that nobody quotes: their quotes do not happen."""
        self._listeners: list[Listener] = []
        self._history_events = history_events
        self._history_age_ns = int(history_minutes * 60 * NS_PER_S)
        self._rate = 0.0
        self._histories: dict[str, History] = {}

    @property
    def rate(self) -> float:
        """Events a second, over the last full second."""
        return self._rate

    async def measure(self) -> None:
        """For ever: keep `rate` current."""
        before = self.counts.total()
        while True:
            await asyncio.sleep(1.0)
            self._rate, before = float(self.counts.total() - before), self.counts.total()

    def listen(self, listener: Listener) -> None:
        """Hear of every event after it is safely on record."""
        self._listeners.append(listener)

    def history(self, feed: str) -> History:
        """What the history API knows of a feed."""
        if feed not in self._histories:
            self._histories[feed] = History(self._history_events, self._history_age_ns)
        return self._histories[feed]

    def happen(self, events: Sequence[Event]) -> None:
        """These events happen now."""
        if self.unquoted:
            events = [event for event in events if event.kind != Kind.QUOTE or event.symbol not in self.unquoted]
        if not events:
            return
        now = self.clock()
        self.ledger.events(now, events)
        self.ledger.flush(now)
        self._remember(events)
        self.counts.update(f"{event.feed}.{CHANNEL[event.kind]}" for event in events)
        for listener in self._listeners:
            listener(events)

    def recall(self, events: Iterable[Event]) -> None:
        """These happened before this simulator began: they are known, and neither counted nor told again."""
        events = iter(events)
        while some := list(islice(events, _AT_ONCE)):
            self._remember(some)

    def _remember(self, events: Sequence[Event]) -> None:
        self.recent.add(events)
        by_feed: dict[str, list[Event]] = {}
        for event in events:
            by_feed.setdefault(event.feed, []).append(event)
        for feed, mine in by_feed.items():
            self.history(feed).add(mine)
