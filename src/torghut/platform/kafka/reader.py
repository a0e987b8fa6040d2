"""Reading topics by position: from a point in time or an offset, up to the ends seen at the start.

Nothing here joins a consumer group, so the reading user needs no rights on groups.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

_BATCH = 5_000
_REQUEST_S = 10.0


class ReadError(Exception):
    """Topics could not be read. `code` is the Kafka error code (`confluent_kafka.KafkaError`)."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(what)
        self.code = code


class Partition(NamedTuple):
    """A partition of a topic, by full name."""

    topic: str
    number: int


class TopicReader:
    """Reads partitions of `topics` by assignment. Blocking; use it in a thread. Close it (`with`)."""

    def __init__(self, client: Mapping[str, Any], topics: Sequence[str], *, isolation: str = "read_committed") -> None:
        """Prepare to read.

        Args:
            client: librdkafka's connection settings.
            topics: full topic names; all must exist.
            isolation: `read_committed` or `read_uncommitted`.
        """
        self._topics = tuple(topics)
        self._last_error: KafkaError | None = None
        self._consumer = Consumer(
            {
                "group.id": "torghut-reader",  # asked for by librdkafka; never joined, never committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "fetch.message.max.bytes": 4 << 20,
                "queued.max.messages.kbytes": 16 << 10,
                "error_cb": self._remember,
                **client,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _remember(self, error: KafkaError) -> None:
        self._last_error = error

    def _failed(self, what: str, error: KafkaError) -> ReadError:
        """The cause, rather than the time-out that it ended in."""
        cause = error
        if error.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}:  # noqa: SLF001 - librdkafka's local codes
            cause = self._last_error or error
        return ReadError(f"{what}: {cause.str()}", cause.code())

    def partitions(self) -> list[Partition]:
        """All partitions of the topics.

        Raises:
            ReadError: a topic is missing or may not be described, or no broker answers.
        """
        found = []
        for topic in self._topics:
            try:
                metadata = self._consumer.list_topics(topic, timeout=_REQUEST_S).topics[topic]
            except KafkaException as error:
                raise self._failed(f"cannot describe {topic}", error.args[0]) from error
            if metadata.error is not None:
                raise ReadError(f"cannot describe {topic}: {metadata.error.str()}", metadata.error.code())
            found += [Partition(topic, number) for number in sorted(metadata.partitions)]
        return found

    def ends(
        self, partitions: Sequence[Partition], *, timeout_s: float = _REQUEST_S
    ) -> dict[Partition, tuple[int, int]]:
        """First offset and the one after the last, for each partition.

        Raises:
            ReadError: a leader does not answer or does not allow it.
        """
        found = {}
        for partition in partitions:
            try:
                found[partition] = self._consumer.get_watermark_offsets(
                    TopicPartition(*partition), timeout=timeout_s, cached=False
                )
            except KafkaException as error:
                raise self._failed(f"cannot read the end of {partition.topic}", error.args[0]) from error
        return found

    def offsets_at(self, partitions: Sequence[Partition], ts_ms: int) -> dict[Partition, int]:
        """Offset of the first record with a timestamp of at least `ts_ms`; where there is none, the end."""
        if not partitions:
            return {}
        asked = [TopicPartition(*partition, max(0, ts_ms)) for partition in partitions]
        try:
            answers = self._consumer.offsets_for_times(asked, timeout=_REQUEST_S)
        except KafkaException as error:
            raise self._failed("cannot look up offsets by time", error.args[0]) from error
        found = {}
        for answer in answers:
            if answer.error is not None:
                raise ReadError(f"cannot look up offsets of {answer.topic}: {answer.error.str()}", answer.error.code())
            if answer.offset not in {OFFSET_END, -1}:
                found[Partition(answer.topic, answer.partition)] = answer.offset
        rest = [partition for partition in partitions if partition not in found]
        return found | {partition: high for partition, (_, high) in self.ends(rest).items()}

    def read(
        self, start: Mapping[Partition, int], end: Mapping[Partition, int], *, stall_s: float = 30.0
    ) -> Iterator[Message]:
        """Records from `start` (inclusive) to `end` (exclusive), in order within each partition.

        Raises:
            ReadError: reading is refused, or nothing arrives for `stall_s` seconds.
        """
        waiting = {partition for partition, offset in start.items() if offset < end[partition]}
        if not waiting:
            return
        self._consumer.assign([TopicPartition(*partition, start[partition]) for partition in waiting])
        heard = time.monotonic()
        try:
            while waiting:
                batch = self._consumer.consume(_BATCH, timeout=0.5)
                if batch:
                    heard = time.monotonic()
                elif time.monotonic() - heard > stall_s:
                    cause = self._last_error or KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001 - librdkafka's local code
                    raise self._failed(f"nothing to read for {stall_s:.0f} s", cause)
                for message in batch:
                    topic, error = message.topic(), message.error()
                    if topic is None:  # librdkafka looks for a coordinator, though we never join a group
                        continue
                    at: Any = topic, message.partition()  # equal to its Partition, and sooner made
                    reached = (message.offset() or 0) + 1 if error is None else self._at_end(message, error)
                    if error is None and reached <= end[at]:
                        yield message
                    if reached >= end[at]:
                        waiting.discard(at)
        finally:
            self._consumer.unassign()

    def _at_end(self, message: Message, error: KafkaError) -> int:
        """The offset that an end-of-partition event tells: it is also past transaction markers."""
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
            return message.offset() or 0
        raise self._failed(f"cannot read {message.topic()}", error)
