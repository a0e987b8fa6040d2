"""Delivery: accepted events into Kafka, every one once, in the order in which they were accepted.

Between the intake and librdkafka stands a queue of our own. A record leaves it when the broker acknowledged it. While
all goes well librdkafka's idempotent producer does the work. When a delivery fails (time-out, refused, fatal) it is
not known which of the records in flight the broker has; then the *generation* ends: the producer is thrown away, the
topics are read back, what is found there counts as acknowledged, and the rest goes out again, in order, in a new
session of sequence numbers.

The delivery timeout is shorter than the lease, so an instance that was paused past its lease finds its queue expired
when it wakes; besides, the lease is asked before each hand-over.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer, ThrottleEvent
from confluent_kafka import Message as KafkaMessage

from torghut.feed.messages import Message, Reject
from torghut.forwarder.kafka_errors import Trouble
from torghut.forwarder.lease import Lease, boot_clock
from torghut.forwarder.sequence import Sequencer
from torghut.wire import topics
from torghut.wire.envelope import VERSION, DeadLetter, Envelope, Source
from torghut.wire.times import NS_PER_MS

BATCH_BYTES: Final = 64 * 1024
"""Of one request at most, before compression: a quota of Q bytes a second mutes for at most this over Q seconds."""

IN_FLIGHT_LIMIT: Final = 50_000
"""Records handed to librdkafka at most. The rest waits in our queue, where a failure costs nothing."""

UNMUTE_S: Final = 1.0
"""What a broker takes at most, after the time it named, to read a muted connection again."""

RAW_LIMIT: Final = 64 * 1024
"""Bytes of a bad frame that a dead letter keeps, so that it fits a Kafka record in base64."""

TOO_LARGE: Final = "too_large"
"""Reason of the dead letter that stands for an event which Kafka would not take."""

_OUR_PURGE: Final = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - documented codes

_encode: Final = msgspec.json.Encoder().encode

Token: TypeAlias = tuple[str, str, int] | bytes
"""(channel, symbol, seq) of a market-data record within its session; of a dead letter its value."""


class Outgoing:
    """A record on its way. It is its own delivery callback, so that an acknowledgement costs no look-up."""

    __slots__ = ("_delivery", "acknowledged", "content", "ingest_ts", "source", "token", "topic")

    def __init__(
        self, delivery: Delivery, content: Message | bytes, ingest_ts: int, source: Source, topic: str
    ) -> None:
        self._delivery = delivery
        self.content = content
        self.ingest_ts = ingest_ts
        self.source = source
        self.topic = topic
        self.token: Token = b""
        self.acknowledged = 0
        """When its acknowledgement was served, ns; 0 before."""

    def __call__(self, error: KafkaError | None, _: KafkaMessage) -> None:
        """Delivery report of librdkafka."""
        if error is None:
            self.acknowledged = self._delivery.polled_ns
        else:
            self._delivery.fail(error)


class Delivery:
    """The queue and the producer of the present generation. For one thread: the event loop's.

    `submit` and `reject` accept; `poll` has to be called every few milliseconds. `full` says that the queue holds
    `limit` records: stop reading the feed then. Between `end` and `begin` there is no producer and records wait.
    """

    def __init__(
        self,
        *,
        feed: str,
        prefix: str,
        lease: Lease,
        limit: int,
        observe: Callable[[int], None],
        abandon: Callable[[], NoReturn],
    ) -> None:
        """Set up an empty queue.

        Args:
            feed: the envelope's `feed`.
            prefix: `TOPIC_PREFIX`.
            lease: asked before each hand-over.
            limit: records that may be queued and in flight together before `full`.
            observe: called with each record's time from socket to acknowledgement, ns.
            abandon: called when the lease ran out, instead of handing anything over; does not return.
        """
        self.observe = observe
        self.trouble = Trouble()
        self.delivered: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.last_acknowledged = float("-inf")  # monotonic s
        self.polled_ns = time.time_ns()
        self._feed = feed
        self._topics = {channel: topics.full_name(topic, prefix) for channel, topic in topics.CHANNEL_TOPIC.items()}
        self._dead_letters = topics.full_name(topics.DLQ, prefix)
        self._lease = lease
        self._abandon = abandon
        self._limit = limit
        self._waiting: deque[Outgoing] = deque()
        self._in_flight: deque[Outgoing] = deque()
        self._producer: Producer | None = None
        self._sequencer: Sequencer | None = None
        self._muted_until = 0.0  # boot clock, s
        self._told_until = 0.0
        self.muted = asyncio.Event()
        """Set when a broker mutes our connection for longer than the last time: others should be told at once."""
        self.failed = asyncio.Event()
        """Set when the generation is over and `end` has to be called."""

    def __len__(self) -> int:
        """Records that are not acknowledged yet."""
        return len(self._waiting) + len(self._in_flight)

    @property
    def full(self) -> bool:
        """Whether the queue holds as many records as it may."""
        return len(self) >= self._limit

    @property
    def roomy(self) -> bool:
        """Whether less than half of the queue is taken: time for what can wait, such as history."""
        return len(self) < self._limit / 2

    @property
    def sequencer(self) -> Sequencer | None:
        """The present session's, or after `end` the last one's; None before the first."""
        return self._sequencer

    def waiting_s(self) -> float:
        """Age of the oldest record that is not acknowledged, in seconds since the forwarder received it."""
        oldest = self._in_flight[0] if self._in_flight else self._waiting[0] if self._waiting else None
        return (time.time_ns() - oldest.ingest_ts) / 1e9 if oldest else 0.0

    def muted_s(self) -> float:
        """How long the broker may yet write what it has of us unread, in seconds; 0 or less: it has nothing."""
        return self._muted_until - boot_clock()

    def throttled(self, event: ThrottleEvent) -> None:
        """A quota is exceeded. The broker answered, and reads nothing more from this connection for a time.

        librdkafka sends the next request all the same (its issue 5592). It lies in the broker's socket until that time
        is over and is written then, whether we are alive or not: nobody may read back or begin a session before.
        """
        if event.throttle_time <= 0:  # over
            return
        self._muted_until = max(self._muted_until, boot_clock() + event.throttle_time + UNMUTE_S)
        self._lease.outlast(self.muted_s())
        if self._muted_until > self._told_until + UNMUTE_S:  # a quota that is just met says so with every answer
            self._told_until = self._muted_until
            self.muted.set()

    def submit(self, messages: Iterable[Message], ingest_ts: int, source: Source) -> None:
        """Accept events. They are delivered in this order, each (channel, symbol) with rising `seq`."""
        full_names = self._topics
        self._waiting.extend([Outgoing(self, m, ingest_ts, source, full_names[m.channel]) for m in messages])
        self._pump()

    def reject(self, rejects: Iterable[Reject], ts: int) -> None:
        """Accept what could not be understood, for the dead-letter topic. `ts` in ns."""
        self._waiting.extend(
            [Outgoing(self, dead_letter(reject, ts), ts, "ws", self._dead_letters) for reject in rejects]
        )
        self._pump()

    def poll(self) -> None:
        """Serve delivery reports and hand over what waits. Never blocks."""
        if self._producer is None:
            return
        self.polled_ns = time.time_ns()
        self._producer.poll(0)
        in_flight = self._in_flight
        if in_flight and in_flight[0].acknowledged:
            self.last_acknowledged = time.monotonic()
            self.trouble.over()
            observe, written = self.observe, []
            while in_flight and in_flight[0].acknowledged:
                record = in_flight.popleft()
                written.append(record.topic)
                observe(record.acknowledged - record.ingest_ts)
            self.delivered.update(written)
        if self._waiting:
            self._pump()

    def fail(self, error: KafkaError) -> None:
        """A delivery failed: what is in flight is unknown from here on."""
        if error.code() not in _OUR_PURGE:
            self.failures[error.name()] += 1
            self.trouble.saw(error)
        if not self.failed.is_set() and self._producer is not None:
            self.failed.set()
            # At once, so that nothing overtakes the failed record.
            self._producer.purge(in_queue=True, in_flight=True, blocking=False)

    def begin(self, producer: Producer, sequencer: Sequencer) -> None:
        """A new generation: hand over what waits."""
        self._producer, self._sequencer = producer, sequencer
        self.failed.clear()
        self._pump()

    def end(self) -> None:
        """End the generation: no more reports come, what is not acknowledged is unknown."""
        if self._producer is not None:
            self._producer.purge(in_queue=True, in_flight=True, blocking=True)
            self._producer.flush(1.0)  # serves the reports of what was purged
            self._producer = None

    def unknown_since(self) -> int | None:
        """The earliest `ingest_ts` (ns) among records whose fate is unknown; None if there are none."""
        return min((r.ingest_ts for r in self._in_flight if not r.acknowledged), default=None)

    def resolve(self, found: Collection[Token]) -> int:
        """Settle the records in flight by what was read back; those not found wait again, first in line.

        Returns:
            how many were found.
        """
        unsettled = [record for record in self._in_flight if not record.acknowledged]
        again = [record for record in unsettled if record.token not in found]
        for record in self._in_flight:
            if record.acknowledged or record.token in found:
                self.delivered[record.topic] += 1
        self._in_flight.clear()
        self._waiting.extendleft(reversed(again))
        return len(unsettled) - len(again)

    def _pump(self) -> None:
        if self._producer is None or self.failed.is_set() or not self._waiting:
            return
        if self._lease.remaining_s() <= 0:
            self._abandon()
        room = IN_FLIGHT_LIMIT - len(self._in_flight)
        for _ in range(min(room, len(self._waiting))):
            if not self._hand_over(self._waiting[0]):
                break
            self._in_flight.append(self._waiting.popleft())

    def _hand_over(self, record: Outgoing) -> bool:
        assert self._producer is not None  # noqa: S101 - for the type checker; the caller looked
        assert self._sequencer is not None  # noqa: S101 - set together with the producer
        content = record.content
        if isinstance(content, bytes):
            key, value, record.token = b"forwarder", content, content
        else:
            seq = self._sequencer.next(content.channel, content.symbol)
            record.token = (content.channel, content.symbol, seq)
            key, value = content.symbol.encode(), self._envelope(record, content, seq, self._sequencer.session)
        try:
            self._producer.produce(
                record.topic,
                value,
                key,
                on_delivery=record,
                timestamp=record.ingest_ts // NS_PER_MS,
            )
        except BufferError:
            return False
        except KafkaException as error:
            if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE and not isinstance(content, bytes):
                # It would be refused for ever, and everything behind it would wait.
                reject = Reject(content.payload, TOO_LARGE, f"a record of {len(value)} bytes", content.symbol)
                record.content, record.topic = dead_letter(reject, record.ingest_ts), self._dead_letters
                return self._hand_over(record)
            self.fail(error.args[0])
            return False
        if not isinstance(content, bytes):
            self._sequencer.used(content.channel, content.symbol, seq)
        return True

    def _envelope(self, record: Outgoing, message: Message, seq: int, session: str) -> bytes:
        return _encode(
            Envelope(
                version=VERSION,
                event_ts=message.event_ts,
                ingest_ts=record.ingest_ts,
                feed=self._feed,
                channel=message.channel,
                symbol=message.symbol,
                seq=seq,
                session=session,
                source=record.source,
                payload=msgspec.Raw(message.payload),
            )
        )


def producer_settings(client: Mapping[str, Any], linger_ms: float, timeout_ms: int) -> dict[str, Any]:
    """Settings of librdkafka for exactly-once delivery on top of the connection settings `client`."""
    return {
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": linger_ms,
        # One, so that a muted connection holds one request that we know the end of: see `Delivery.throttled`.
        "max.in.flight.requests.per.connection": 1,
        "batch.size": BATCH_BYTES,
        "partitioner": topics.PARTITIONER,
        "delivery.timeout.ms": timeout_ms,
        "request.timeout.ms": min(timeout_ms, 30_000),
        "queue.buffering.max.messages": 2 * IN_FLIGHT_LIMIT,
        "topic.metadata.refresh.interval.ms": 30_000,
        **client,
    }


def dead_letter(reject: Reject, ts: int) -> bytes:
    """The value of a dead letter's record. `ts` in ns since the epoch."""
    return _encode(
        DeadLetter(
            version=VERSION,
            ts=ts,
            source="forwarder",
            topic=None,
            symbol=reject.symbol,
            reason=reject.reason,
            detail=reject.detail,
            raw=base64.b64encode(reject.raw[:RAW_LIMIT]).decode(),
            truncated=len(reject.raw) > RAW_LIMIT,
        )
    )
