"""Topics from a point in time on, read again and again up to where they end then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torghut.audit.intake import Incoming
from torghut.audit.order import Position
from torghut.config import KafkaSettings
from torghut.platform.kafka.reader import Partition, TopicReader
from torghut.wire.topics import Topic, full_name, written_ms


class Topics:
    """Some topics, committed records only. Close it."""

    def __init__(self, kafka: KafkaSettings, topics: Sequence[Topic], *, since_ns: int | None = None) -> None:
        """Records with a timestamp of at least `since_ns`; all of them without."""
        names = dict.fromkeys(full_name(topic, kafka.topic_prefix) for topic in topics)
        self._reader = TopicReader(kafka.client(), [*names])
        self._since_ns = since_ns
        self._next: dict[Partition, int] = {}

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()

    def read(self) -> Iterator[Incoming]:
        """What was not read yet, in order within each partition.

        Raises:
            ReadError: a topic is missing, or cannot be read.
        """
        if not self._next:
            self._next = self._start()
        ends = {partition: end for partition, (_, end) in self._reader.ends(list(self._next)).items()}
        for message in self._reader.read(self._next, ends):
            yield Incoming(
                Position(message.topic() or "", message.partition() or 0, message.offset() or 0),
                _bytes(message.key()),
                _bytes(message.value()),
                message.timestamp()[1],
                written_ms(message.headers()),
            )
        self._next = {partition: max(offset, ends[partition]) for partition, offset in self._next.items()}

    def _start(self) -> dict[Partition, int]:
        partitions = self._reader.partitions()
        if self._since_ns is None:
            return {partition: low for partition, (low, _) in self._reader.ends(partitions).items()}
        return self._reader.offsets_at(partitions, self._since_ns // 1_000_000)


def _bytes(data: bytes | str | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
