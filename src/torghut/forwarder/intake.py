"""The intake: what the connection delivers, freed of repeats, on its way to delivery.

While a repair is under way live events are held back, so that history comes first; the hold is bounded. Channels that
history does not have are not held: nothing comes before them, and what is held may be lost.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator
from typing import Final

from torghut.feed.messages import Message, overlap_key
from torghut.forwarder.dedup import DedupWindow
from torghut.forwarder.delivery import Delivery
from torghut.forwarder.metrics import PROMPT_CHANNELS, Metrics
from torghut.forwarder.overlap import Overlap
from torghut.forwarder.tail import Seen
from torghut.wire.envelope import Source
from torghut.wire.times import NS_PER_MS, NS_PER_S
from torghut.wire.topics import WITHOUT_HISTORY, Channel

OVERLAP_S: Final = 60.0
"""How long after a repair a live event may still be one that history had already."""

LATEST_NS: Final = 15 * NS_PER_S
"""How late a print may be reported after it happened: ten seconds by rule, and some slack."""


class Intake:
    """Accepts live and repaired events. `seen` tells how far each channel that history has is covered by them."""

    def __init__(self, delivery: Delivery, dedup: DedupWindow, metrics: Metrics, hold_limit: int) -> None:
        self.seen: dict[Channel, Seen] = {}
        self.symbols: set[str] = set()
        self._delivery = delivery
        self._dedup = dedup
        self._metrics = metrics
        self._hold_limit = hold_limit
        self._held: list[tuple[list[Message], int]] | None = None
        self._held_count = 0
        self._overlap: Overlap | None = None
        self._overlap_until = 0.0  # monotonic s
        self._overlap_end = 0  # event time, ns
        self._recent_from = 0  # event time, ns

    @property
    def holding(self) -> bool:
        """Whether live events are held back."""
        return self._held is not None

    @property
    def overflowing(self) -> bool:
        """Whether more is held back than may be: the connection has to be closed."""
        return self._held_count >= self._hold_limit

    @property
    def newest_held(self) -> int | None:
        """The newest event time among what is held back (ns); None when nothing is."""
        return max((message.event_ts for message in self.held()), default=None)

    def remember(self, message: Message) -> None:
        """An event that is in Kafka already."""
        self._dedup.add(message, time.monotonic())
        self.symbols.add(message.symbol)

    def live(self, messages: list[Message], ingest_ts: int) -> None:
        """A frame's events, received at `ingest_ts` (ns)."""
        if self._held is None:
            self._accept(messages, ingest_ts)
            return
        if unique := [message for message in messages if message.channel in WITHOUT_HISTORY]:
            self._accept(unique, ingest_ts)
            messages = [message for message in messages if message.channel not in WITHOUT_HISTORY]
        self._held.append((messages, ingest_ts))
        self._held_count += len(messages)
        if self._overlap is not None:
            for message in messages:
                self._overlap.buffer(overlap_key(message))

    def hold(self) -> None:
        """A new connection begins: hold its events back until `release`. What was held before is forgotten."""
        self._held, self._held_count, self._overlap = [], 0, None

    def held(self) -> Iterator[Message]:
        """What is held back, in order of arrival."""
        for messages, _ in self._held or ():
            yield from messages

    def overlap(self, published: Iterable[Hashable], end: int) -> None:
        """A repair of events before `end` (event time, ns) begins; `published` are the keys of what is in Kafka."""
        self._overlap = Overlap(published)
        self._overlap_end = end
        oldest_held = min((message.event_ts for message in self.held()), default=end)
        self._recent_from = min(oldest_held, end - LATEST_NS)
        for message in self.held():
            self._overlap.buffer(overlap_key(message))

    def repair(self, events: Iterable[Message], ingest_ts: int) -> int:
        """Accept events of history, in order, as far as nobody else has them. Returns how many were missing."""
        assert self._overlap is not None  # noqa: S101 - `overlap` comes first
        now = time.monotonic()
        overlap, dedup = self._overlap, self._dedup
        recent = self._recent_from
        missing = [
            m for m in events if overlap.missing(overlap_key(m), recent=m.event_ts >= recent) and dedup.add(m, now)
        ]
        for message in missing:
            self._metrics.repaired[message.channel] += 1
        self._delivery.submit(missing, ingest_ts, "rest")
        return len(missing)

    def change(self, messages: list[Message], ingest_ts: int) -> int:
        """Accept corrections and cancels that were derived from history. Returns how many were new."""
        return self._submit(messages, ingest_ts, "rest")

    def covered(self, event_ts: int, ingest_ts: int) -> None:
        """All channels are covered up to here (ns), by history alone."""
        for mark in self.seen.values():
            mark.event_ts, mark.ingest_ts = max(mark.event_ts, event_ts), ingest_ts

    def release(self) -> None:
        """The repair is done: let go what was held back, and hold nothing from here on."""
        held, self._held, self._held_count = self._held or [], None, 0
        self._overlap_until = time.monotonic() + OVERLAP_S
        for messages, ingest_ts in held:
            self._accept(messages, ingest_ts)

    def _accept(self, messages: list[Message], ingest_ts: int) -> None:
        seen, counts = self.seen, self._metrics.messages
        for channel in {message.channel for message in messages}:
            times = [message.event_ts for message in messages if message.channel is channel]
            counts[channel] += len(times)
            if channel in WITHOUT_HISTORY:
                continue
            if (mark := seen.get(channel)) is None:
                mark = seen[channel] = Seen()
            mark.event_ts = max(mark.event_ts, *times)
            mark.ingest_ts = ingest_ts
        self.symbols.update([message.symbol for message in messages])
        if messages:
            self._lag(messages[-1], ingest_ts)
        self._submit(messages, ingest_ts, "ws")

    def _submit(self, messages: list[Message], ingest_ts: int, source: Source) -> int:
        now = time.monotonic()
        matched = self._overlap is not None and source == "ws" and not self.holding
        unmatched = self._unmatched(messages, now) if matched else messages
        add = self._dedup.add
        fresh = [message for message in unmatched if message.identity is None or add(message, now)]
        if len(fresh) != len(messages):
            accepted = set(map(id, fresh))
            for message in messages:
                if id(message) not in accepted:
                    self._metrics.dropped[message.channel] += 1
        self._delivery.submit(fresh, ingest_ts, source)
        return len(fresh)

    def _unmatched(self, messages: list[Message], now: float) -> list[Message]:
        if now > self._overlap_until:
            self._overlap = None
            return messages
        overlap = self._overlap
        assert overlap is not None  # noqa: S101 - the caller looked
        end = self._overlap_end
        return [m for m in messages if m.event_ts >= end or overlap.release(overlap_key(m))]

    def _lag(self, message: Message, ingest_ts: int) -> None:
        lag_ns = ingest_ts - message.event_ts
        self._metrics.lag_ms[message.channel] = lag_ns / NS_PER_MS
        if message.channel in PROMPT_CHANNELS:
            self._metrics.lag.observe(max(lag_ns, 0))
