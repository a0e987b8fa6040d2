"""What the operator shows of each partition, as Flink metrics: read by the status writer and by Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec

from torghut.job.clock import Clock
from torghut.job.shard import Counts

_NS_PER_MS: Final = 1_000_000
_NAME: Final = re.compile(r"partition_(\d+)_(\w+)$")


class Gauge(Protocol):
    """A metric that shows the value it was given last."""

    def update(self, value: int) -> None:
        """Show this value."""


class Reading(msgspec.Struct, frozen=True):
    """One partition. Times in ms since the epoch; `idle` is 1 when nobody waits for any of its topics."""

    watermark_ms: int = 0
    last_event_ms: int = 0
    idle: int = 0
    records: int = 0
    written: int = 0
    late: int = 0


class Gauges:
    """The metrics of one subtask. `group`: Flink's metric group."""

    def __init__(self, group: Any) -> None:  # noqa: ANN401 - pyflink ships no types
        self._group: Final = group
        self._shown: Final[dict[int, dict[str, Gauge]]] = {}

    def show(self, partition: int, counts: Counts, clock: Clock, now_ns: int) -> None:
        """Show how far the partition has come."""
        gauges = self._shown.get(partition)
        if gauges is None:
            # A "distribution" keeps its last value on the JVM's side; a Python gauge would be called from threads that
            # have no interpreter.
            names = Reading.__struct_fields__
            gauges = {name: self._group.distribution(f"partition_{partition}_{name}") for name in names}
            self._shown[partition] = gauges
        reading = read(counts, clock, now_ns)
        for name, gauge in gauges.items():
            gauge.update(getattr(reading, name))


def read(counts: Counts, clock: Clock, now_ns: int) -> Reading:
    """A partition's state of now."""
    topics = (clock.trades, clock.quotes)
    return Reading(
        watermark_ms=clock.watermark(now_ns) // _NS_PER_MS,
        last_event_ms=max(topic.newest for topic in topics) // _NS_PER_MS,
        idle=int(all(clock.idle(topic, now_ns) for topic in topics)),
        records=counts.records,
        written=counts.written,
        late=counts.late,
    )


def names_of(metrics: Iterable[str]) -> list[str]:
    """Those of a vertex's metrics that are ours."""
    return [name for name in metrics if _NAME.search(name)]


def readings(metrics: Mapping[str, str]) -> dict[int, Reading]:
    """By partition, from Flink's metrics of the vertex."""
    values: dict[int, dict[str, int]] = {}
    for name, value in metrics.items():
        if (found := _NAME.search(name)) is not None and found[2] in Reading.__struct_fields__:
            values.setdefault(int(found[1]), {})[found[2]] = int(float(value or 0))
    return {partition: Reading(**fields) for partition, fields in sorted(values.items())}
