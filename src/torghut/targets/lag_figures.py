"""The figures of lag: the forwarders' metrics, the topics, Flink's metrics; twice, some seconds apart.

The same on every target, which says where to look (`Sources`).
"""

from __future__ import annotations

import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from torghut.job.gauges import Reading, names_of, readings
from torghut.job.settings import JobSettings
from torghut.platform.errors import FlinkError
from torghut.platform.flink.rest import Flink, Job
from torghut.platform.kafka.reader import Partition, TopicReader
from torghut.platform.waiting import wait_until
from torghut.runbooks.lag_ports import (
    BrokerFigures,
    FeedFigures,
    JobFigures,
    LagReading,
    PartitionFigures,
    TaskFigures,
)
from torghut.wire.envelope import decode_envelope
from torghut.wire.topics import QUOTES, TRADES, Channel, full_name

SPAN_S: Final = 4.0
_NS_PER_MS: Final = 1_000_000
_NEWEST: Final = 400
_FRESH_NS: Final = 60 * 1_000_000_000
_REQUESTS: Final = 7
_POSITION: Final = re.compile(r"\.topic\.(.+)\.partition\.(\d+)\.currentOffset$")
_SHARES: Final = ("busyTimeMsPerSecond", "backPressuredTimeMsPerSecond")
_LAG: Final = "torghut_ws_lag_seconds"
_PRODUCE: Final = "torghut_kafka_produce_seconds"

Scraped = dict[tuple[str, str], float]
"""Samples by name and their one label's value, all instances together."""


@dataclass(frozen=True)
class Sources:
    """Where to look.

    Attributes:
        client: librdkafka's settings of somebody who may read the topics.
        topic_prefix: before every topic's name.
        pages: what each forwarder shows as metrics; one that does not answer is left out.
        reason: the active forwarder's own word; empty when none answers.
        expected: whether the market is open.
        job: how the job was deployed.
        flink: the way to the JobManager; None where no job was started.
        job_id: of the job, by Flink's word.
    """

    client: Mapping[str, Any]
    topic_prefix: str
    pages: Callable[[], Iterable[str]]
    reason: Callable[[], str]
    expected: bool
    job: JobSettings
    flink: Callable[[], AbstractContextManager[Flink]] | None
    job_id: Callable[[Flink], str]

    @property
    def topics(self) -> tuple[str, ...]:
        """Trades and quotes."""
        return tuple(full_name(topic, self.topic_prefix) for topic in (TRADES, QUOTES))


def read(sources: Sources) -> LagReading:
    """Over `SPAN_S` seconds.

    Raises:
        ReadError: the topics cannot be read.
    """
    with TopicReader(sources.client, sources.topics) as reader:
        return _read(sources, reader)


def _read(sources: Sources, reader: TopicReader) -> LagReading:
    partitions = reader.partitions()
    _wake(sources)
    first_ends, first, begun = _ends(reader, partitions), _scraped(sources.pages()), time.monotonic()
    requests = list(_requests(reader, partitions[:1]))
    wait_until(lambda: time.monotonic() >= begun + SPAN_S, SPAN_S + 1, "the span of the reading", 0.05)
    ends, now, span = _ends(reader, partitions), _scraped(sources.pages()), time.monotonic() - begun
    grown = {at: (ends[at] - first_ends[at]) / span for at in ends}
    passed = {key: value - first.get(key, 0.0) for key, value in now.items()}
    return LagReading(
        span_s=span,
        feed=FeedFigures(
            reason=sources.reason(),
            messages={label: n / span for (name, label), n in passed.items() if name == "torghut_ws_messages_total"},
            lag_ms=_median_ms(passed),
            expected=sources.expected,
        ),
        broker=BrokerFigures(
            queued=int(now.get(("torghut_kafka_queue_messages", ""), 0)),
            produce_ms=_mean_ms(passed),
            request_ms=statistics.median(requests),
        ),
        job=_job(sources, _Written(reader, sources.topics, ends, grown)),
    )


def _wake(sources: Sources) -> None:
    """Flink fetches its metrics when it is asked, and answers with those that it fetched before."""
    if sources.flink is not None:
        with suppress(FlinkError), sources.flink() as flink:
            job_id = sources.job_id(flink)
            for vertex in flink.job(job_id).vertices:
                flink.metrics(job_id, vertex.id, ())


def _ends(reader: TopicReader, partitions: list[Partition]) -> dict[Partition, int]:
    return {at: high for at, (_, high) in reader.ends(partitions).items()}


def _requests(reader: TopicReader, one: list[Partition]) -> Iterator[float]:
    """How long some small requests take, ms."""
    for _ in range(_REQUESTS):
        begun = time.monotonic()
        reader.ends(one)
        yield (time.monotonic() - begun) * 1000


# The forwarder


def _scraped(pages: Iterable[str]) -> Scraped:
    found: Scraped = defaultdict(float)
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                found[sample.name, next(iter(sample.labels.values()), "")] += sample.value
    return dict(found)


def _median_ms(passed: Scraped) -> float | None:
    """The lower bound of the bucket that holds the median; None without messages."""
    buckets = sorted((float(bound), n) for (name, bound), n in passed.items() if name == f"{_LAG}_bucket")
    if not buckets or not buckets[-1][1]:
        return None
    below = [bound for bound, n in buckets if n < buckets[-1][1] / 2]
    return below[-1] * 1000 if below else 0.0


def _mean_ms(passed: Scraped) -> float | None:
    count = passed.get((f"{_PRODUCE}_count", ""), 0.0)
    return passed.get((f"{_PRODUCE}_sum", ""), 0.0) / count * 1000 if count else None


# The job


@dataclass(frozen=True)
class _Written:
    """What the topics hold: ends, and records per second."""

    reader: TopicReader
    topics: tuple[str, ...]
    ends: Mapping[Partition, int]
    rates: Mapping[Partition, float]


def _job(sources: Sources, written: _Written) -> JobFigures:
    settings = sources.job
    late, disorder_ms = _disorder(written, settings.watermark_ms)
    base = JobFigures(
        works=False,
        reason="it was not started",
        parallelism=settings.parallelism,
        bound_ms=settings.watermark_ms,
        idle_ms=settings.idle_ms,
        late=late,
        disorder_ms=disorder_ms,
    )
    if sources.flink is None:
        return base
    try:
        with sources.flink() as flink:
            return _asked(flink, flink.job(sources.job_id(flink)), base, written)
    except FlinkError as error:
        return replace(base, reason=str(error))


def _asked(flink: Flink, job: Job, base: JobFigures, written: _Written) -> JobFigures:
    if not job.works:
        return replace(base, reason=f"the job is {job.state}")
    tasks, positions, shown = [], dict[tuple[str, int], int](), dict[int, Reading]()
    for vertex in job.vertices:
        names = flink.metrics(job.jid, vertex.id, ())
        values = flink.metrics(job.jid, vertex.id, [name for name in names if _wanted(name)])
        tasks.append(TaskFigures(vertex.name.partition(" -> ")[0], *(_worst(values, share) for share in _SHARES)))
        positions |= _positions(values)
        shown |= readings({name: values[name] for name in names_of(values)})
    newest = flink.checkpoints(job.jid).latest.completed
    return replace(
        base,
        works=True,
        reason="ok",
        tasks=tuple(tasks),
        partitions=tuple(_partitions(written, positions, shown, time.time_ns() / _NS_PER_MS)),
        checkpoint_ms=float(newest.end_to_end_duration) if newest else None,
    )


def _wanted(name: str) -> bool:
    return bool(_POSITION.search(name) or names_of((name,))) or name.endswith(_SHARES)


def _worst(values: Mapping[str, str], share: str) -> float:
    """Of the busiest subtask; Flink says NaN before it has measured."""
    found = [float(value) for name, value in values.items() if name.endswith(f".{share}") and value != "NaN"]
    return max(found, default=0.0) / 1000


def _positions(values: Mapping[str, str]) -> dict[tuple[str, int], int]:
    """The offset that was taken in last, by topic (as Flink spells it) and partition."""
    matches = ((_POSITION.search(name), value) for name, value in values.items())
    return {(found[1], int(found[2])): int(float(value)) for found, value in matches if found}


def _partitions(
    written: _Written, positions: Mapping[tuple[str, int], int], shown: Mapping[int, Reading], now_ms: float
) -> Iterator[PartitionFigures]:
    trades, quotes = written.topics
    for number in sorted({at.number for at in written.ends}):
        here = [Partition(topic, number) for topic in (trades, quotes)]
        reading = shown.get(number)
        yield PartitionFigures(
            number=number,
            trades=written.rates[here[0]],
            quotes=written.rates[here[1]],
            backlog=sum(_backlog(at, written.ends[at], positions) for at in here),
            watermark_ms=now_ms - reading.watermark_ms if reading and reading.watermark_ms else None,
            idle=bool(reading and reading.idle),
        )


def _backlog(at: Partition, end: int, positions: Mapping[tuple[str, int], int]) -> int:
    """Nothing where Flink does not show a position: it took nothing in since it was started."""
    spellings = (at.topic, at.topic.replace(".", "_"))
    last = next((positions[name, at.number] for name in spellings if (name, at.number) in positions), -1)
    return max(0, end - last - 1) if last >= 0 else 0


def _disorder(written: _Written, bound_ms: int) -> tuple[float, float]:
    """Of the newest trades: the share that came later than the bound, and the 99th percentile in ms."""
    mine = {at: end for at, end in written.ends.items() if at.topic == written.topics[0]}
    starts = {at: max(0, end - _NEWEST) for at, end in mine.items()}
    horizon, newest, behind = time.time_ns() - _FRESH_NS, defaultdict[int, int](int), list[float]()
    for message in written.reader.read(starts, mine, stall_s=10):
        try:
            one = decode_envelope(message.value() or b"")
        except msgspec.MsgspecError:
            continue
        if one.channel is Channel.TRADES and one.ingest_ts >= horizon:
            number = message.partition() or 0
            behind.append(max(0, newest[number] - one.event_ts) / _NS_PER_MS)
            newest[number] = max(newest[number], one.event_ts)
    return _share_above(behind, bound_ms), _quantile(behind, 0.99)


def _share_above(values: Iterable[float], bound: float) -> float:
    found = [value > bound for value in values]
    return sum(found) / len(found) if found else 0.0


def _quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
