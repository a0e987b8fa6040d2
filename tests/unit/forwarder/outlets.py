"""What takes the place of Kafka at the edge of unit tests: a producer that keeps what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from confluent_kafka import KafkaError

Report = Callable[[KafkaError | None, Any], None]


class Record(NamedTuple):
    """What was handed to `produce`; `timestamp` in ms."""

    topic: str
    value: bytes
    key: bytes
    timestamp: int


class FakeProducer:
    """Acknowledges or fails what it holds when the test says so."""

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        self.settings = settings or {}
        self.records: list[Record] = []
        self.reports: list[Report] = []
        self.room = 1_000_000
        self.purges = 0

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Report, timestamp: int) -> None:
        if self.room <= 0:
            raise BufferError
        self.room -= 1
        self.records.append(Record(topic, value, key, timestamp))
        self.reports.append(on_delivery)

    def acknowledge(self, count: int | None = None) -> None:
        """Report success for the oldest `count` records, or for all."""
        self._report(None, count)

    def fail(self, code: int, count: int | None = None) -> None:
        self._report(KafkaError(code), count)

    def _report(self, error: KafkaError | None, count: int | None) -> None:
        reports, self.reports = self.reports[:count], self.reports[count:] if count is not None else []
        for report in reports:
            report(error, None)

    def poll(self, _timeout: float = 0) -> int:
        return 0

    def purge(self, **_: Any) -> None:
        """What was purged is reported as failed, which nobody here looks at."""
        self.purges += 1

    def flush(self, _timeout: float = 0) -> int:
        return 0
