"""Reading back our own topics: what is in Kafka already is the only memory that survives everything.

Done at the start (dedup state, sequence numbers, how far the feed was covered), after a failed generation (which
records in flight made it) and before a repair (what the overlap holds). Blocking: run it in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from torghut.feed.messages import Message, message_from_envelope
from torghut.forwarder.delivery import Token
from torghut.platform.kafka.reader import Partition, TopicReader
from torghut.wire import topics
from torghut.wire.envelope import Envelope, decode_envelope
from torghut.wire.times import NS_PER_MS, NS_PER_S
from torghut.wire.topics import Channel

MARKET_TOPICS: Final = (topics.TRADES, topics.QUOTES, topics.BARS_1M, topics.MARKET_STATUS)

_SLACK_NS: Final = 2 * NS_PER_S
"""Records of one moment reach the partitions in any order; look back a little further than asked."""


SETTLE_S: Final = 2.0
"""A request that we gave up may still lie in a socket's buffer, and nothing orders it before what we ask on another
connection: a broker that was paused appends it a moment after it answers us. Seconds without any sign of it stand for
its end; only transactions could fence it for sure."""


class Seen(msgspec.Struct):
    """How far a channel is covered: the newest event time, and when the newest live event was received (ns)."""

    event_ts: int = 0
    ingest_ts: int = 0


class Recollection(msgspec.Struct):
    """What the topics' tail says about earlier sessions."""

    greatest_seq: int
    seen: dict[Channel, Seen]


class Tail:
    """The forwarder's own topics, read backwards in time. Use as a context manager."""

    def __init__(self, client: Mapping[str, Any], prefix: str) -> None:
        self._prefix = prefix
        self._market = [topics.full_name(topic, prefix) for topic in MARKET_TOPICS]
        self._dead_letters = topics.full_name(topics.DLQ, prefix)
        self._reader = TopicReader(client, [*self._market, self._dead_letters])

    def __enter__(self) -> Tail:  # noqa: PYI034 - final in practice
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def recall(self, window_s: float, limit_s: float, remember: Callable[[Message], object]) -> Recollection:
        """The last `window_s` seconds of records, and further back until live ones are found, at most `limit_s`.

        `remember` is called with every event among them (again when it has to go further back).
        """
        partitions, ends = self._ends(self._market)
        newest = self._newest(ends)
        while newest:
            recollection = self._recall(partitions, ends, newest - int(window_s * NS_PER_S), remember)
            if any(seen.ingest_ts for seen in recollection.seen.values()) or window_s >= limit_s:
                return recollection
            window_s *= 4  # only repaired records so far: the last session died while it repaired
        return Recollection(0, {})

    def written(self, session: str, since: int) -> set[Token]:
        """Tokens of `session`'s records, and of all dead letters, with an ingest time of at least `since` (ns).

        Takes two looks or more, until the later one finds nothing new: see `SETTLE_S`.
        """
        found = self._written(session, since)
        while True:
            time.sleep(SETTLE_S)
            again = self._written(session, since)
            if again == found:
                return found
            found = again

    def published(self, since: int, from_event: int, topic: topics.Topic | None = None) -> Iterator[Message]:
        """Events ingested at `since` (ns) or later that happened at `from_event` (ns) or later; of one topic or all."""
        partitions, ends = self._ends([topics.full_name(topic, self._prefix)] if topic else self._market)
        for envelope in self._envelopes(self._starts(partitions, since), ends):
            if envelope.event_ts >= from_event:
                yield _message(envelope)

    def changes(self, since: int) -> Iterator[Message]:
        """Corrections and cancels ingested at `since` (ns) or later."""
        trades = self._market[:1]
        partitions, ends = self._ends(trades)
        for record in self._reader.read(self._starts(partitions, since), ends):
            value = record.value() or b""
            if b'"channel":"trades"' not in value:  # most records; not worth decoding
                yield _message(decode_envelope(value))

    def _written(self, session: str, since: int) -> set[Token]:
        partitions, ends = self._ends([*self._market, self._dead_letters])
        found: set[Token] = set()
        for record in self._reader.read(self._starts(partitions, since), ends):
            value = record.value() or b""
            if record.topic() == self._dead_letters:
                found.add(value)
                continue
            envelope = decode_envelope(value)
            if envelope.session == session:
                found.add((envelope.channel, envelope.symbol, envelope.seq))
        return found

    def _recall(
        self,
        partitions: list[Partition],
        ends: dict[Partition, int],
        since: int,
        remember: Callable[[Message], object],
    ) -> Recollection:
        recollection = Recollection(0, {})
        for envelope in self._envelopes(self._starts(partitions, since), ends):
            recollection.greatest_seq = max(recollection.greatest_seq, envelope.seq)
            remember(_message(envelope))
            if envelope.channel in topics.WITHOUT_HISTORY:
                continue
            seen = recollection.seen.setdefault(envelope.channel, Seen())
            if envelope.source == "ws":
                seen.event_ts = max(seen.event_ts, envelope.event_ts)
                seen.ingest_ts = max(seen.ingest_ts, envelope.ingest_ts)
        return recollection

    def _envelopes(self, start: dict[Partition, int], end: dict[Partition, int]) -> Iterator[Envelope]:
        for record in self._reader.read(start, end):
            yield decode_envelope(record.value() or b"")

    def _ends(self, names: list[str]) -> tuple[list[Partition], dict[Partition, int]]:
        partitions = [partition for partition in self._reader.partitions() if partition.topic in names]
        return partitions, {partition: high for partition, (_, high) in self._reader.ends(partitions).items()}

    def _starts(self, partitions: list[Partition], since: int) -> dict[Partition, int]:
        return self._reader.offsets_at(partitions, (since - _SLACK_NS) // NS_PER_MS)

    def _newest(self, ends: dict[Partition, int]) -> int:
        """The newest record's timestamp in ns; 0 when there is no record."""
        last = {partition: high - 1 for partition, high in ends.items() if high > 0}
        stamps = [record.timestamp()[1] * NS_PER_MS for record in self._reader.read(last, ends)]
        return max(stamps, default=0)


def _message(envelope: Envelope) -> Message:
    return message_from_envelope(envelope.channel, envelope.symbol, envelope.event_ts, bytes(envelope.payload))
