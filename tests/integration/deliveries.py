"""A delivery on the real broker, driven by hand, and what it wrote."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NoReturn

from confluent_kafka import Message as Record
from confluent_kafka import Producer

from torghut.feed.messages import Message
from torghut.forwarder.delivery import Delivery, producer_settings
from torghut.forwarder.sequence import Sequencer
from torghut.platform.kafka.reader import TopicReader
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.envelope import Envelope, Source, decode_envelope
from torghut.wire.topics import Topic, full_name

ACKNOWLEDGED_S = 60.0


class Held:
    """A lease that is never lost."""

    ttl_s = 60.0
    retry_s = 0.3

    def acquire(self) -> bool:
        return True

    def renew(self) -> None: ...

    def remaining_s(self) -> float:
        return self.ttl_s

    def outlast(self, seconds: float) -> None: ...

    def release(self) -> None: ...


def _never() -> NoReturn:
    raise AssertionError("the lease is never lost here")


class Bench:
    """One forwarder's delivery, generation after generation."""

    def __init__(self, broker: RunningStack, prefix: str) -> None:
        self.client: dict[str, Any] = {**broker.kafka("forwarder", prefix).client(), "log_level": 0}
        self.prefix = prefix
        self.delivery = Delivery(
            feed="sip", prefix=prefix, lease=Held(), limit=10_000, observe=lambda _ns: None, abandon=_never
        )

    def begin(self, timeout_ms: int = 30_000) -> Sequencer:
        last = self.delivery.sequencer
        sequencer = Sequencer("test", time.time_ns() // 1000, last.greatest if last else 0)
        self.delivery.begin(Producer(producer_settings(self.client, 5.0, timeout_ms)), sequencer)
        return sequencer

    def write(self, messages: Iterable[Message], ingest_ts: int, source: Source = "ws") -> None:
        self.delivery.submit(messages, ingest_ts, source)
        self.settle()

    def settle(self) -> None:
        """Wait until everything is acknowledged."""

        def empty() -> bool:
            self.delivery.poll()
            return not len(self.delivery)

        wait_until(empty, ACKNOWLEDGED_S, "all records to be acknowledged", 0.005)

    def await_failure(self) -> None:
        def failed() -> bool:
            self.delivery.poll()
            return self.delivery.failed.is_set()

        wait_until(failed, ACKNOWLEDGED_S, "the delivery to fail", 0.005)

    def records(self, topic: Topic) -> list[Record]:
        """Everything in the topic, partition by partition."""
        with TopicReader(self.client, [full_name(topic, self.prefix)]) as reader:
            ends = reader.ends(reader.partitions())
            start = {partition: low for partition, (low, _) in ends.items()}
            return list(reader.read(start, {partition: high for partition, (_, high) in ends.items()}))

    def envelopes(self, topic: Topic) -> list[Envelope]:
        return [decode_envelope(record.value() or b"") for record in self.records(topic)]
