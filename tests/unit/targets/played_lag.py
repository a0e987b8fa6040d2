"""What the played forwarder and job show of lag, and topics to go with it. Records come with the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx
from tests.unit.targets.played_cluster import PlayedCluster
from tests.unit.targets.played_job import PlayedJob

from torghut.platform.kafka.reader import Partition
from torghut.targets.kubernetes.job_objects import job_values
from torghut.targets.kubernetes.names import PARALLELISM, SETTING
from torghut.targets.kubernetes.place import Place

SILENT = 1
"""The partition without quotes."""
_PARTITIONS = 3
_TOPICS = ("torghut.trades.v1", "torghut.quotes.v1")


def written() -> int:
    """Records in a partition that is written to, by now."""
    return int(time.monotonic() * 1000)


class PlayedTopics:
    """In a TopicReader's place."""

    def __init__(self, client: Mapping[str, Any], topics: Sequence[str]) -> None:
        assert (dict(client), tuple(topics)) == ({"as": "the audit's user"}, _TOPICS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def partitions(self) -> list[Partition]:
        return [Partition(topic, number) for topic in _TOPICS for number in range(_PARTITIONS)]

    def ends(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        return {at: (0, self._end(at)) for at in partitions}

    def _end(self, at: Partition) -> int:
        return 7 if PlayedLag.unquoted and (at.topic, at.number) == (_TOPICS[1], SILENT) else written()

    def read(self, *_: object, **__: object) -> Iterator[Any]:
        return iter(())


@dataclass
class PlayedLag:
    """The figures. `unquoted`: a partition is without quotes, so that it is waited for as long as the job is told."""

    place: Place
    cluster: PlayedCluster
    job: PlayedJob
    muted: bool = False
    """Until the forwarder is restarted."""
    slow: bool = False
    """Until the job has two slots."""
    produce_s: float = 0.01
    unquoted = False

    def __post_init__(self) -> None:
        self.cluster.behind.append(self.page)
        self.job.metrics = self.metrics

    def page(self, request: httpx.Request) -> httpx.Response | None:
        """The forwarder's metrics."""
        if not request.url.path.endswith("/pods/forwarder-1:9108/proxy/metrics"):
            return None
        n = 0 if self.muted and not self.cluster.restarts else written()
        lines = [f'torghut_ws_messages_total{{channel="{channel}"}} {n}' for channel in ("trades", "quotes")]
        lines += [f'torghut_ws_lag_seconds_bucket{{le="{bound}"}} {n}' for bound in ("0.01", "+Inf")]
        lines += [f"torghut_kafka_produce_seconds_sum {n * self.produce_s}", f"torghut_kafka_produce_seconds_count {n}"]
        return httpx.Response(200, text="\n".join([*lines, "torghut_kafka_queue_messages 3", ""]))

    def metrics(self, names: str) -> list[dict[str, str]]:
        """Those of the one vertex, all names or some values."""
        values = self._values()
        wanted = names.split(",") if names else list(values)
        return [{"id": name, "value": values[name]} for name in wanted if name in values]

    def _values(self) -> dict[str, str]:
        deployed = job_values(self.place)
        slow = self.slow and int(deployed[PARALLELISM]) < 2
        idle_ms = int(deployed[f"{SETTING}TA_IDLE_TIMEOUT_MS"])
        now_ms, values = time.time_ns() // 1_000_000, {"0.busyTimeMsPerSecond": "990" if slow else "300"}
        for number in range(_PARTITIONS):
            held = PlayedLag.unquoted and number == SILENT and idle_ms > 2000
            values[f"0.op.partition_{number}_watermark_ms"] = str(now_ms - (9000 if held else 2200))
            for topic in _TOPICS:
                name = f"0.Source.KafkaSourceReader.topic.{topic.replace('.', '_')}.partition.{number}.currentOffset"
                values[name] = str(written() - (100_000 if slow else 0))
        return values
