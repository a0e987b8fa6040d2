"""Readings of lag: a well one, and one for each cause."""

from __future__ import annotations

from dataclasses import replace

from torghut.runbooks.lag_diagnosis import Cause
from torghut.runbooks.lag_ports import (
    BrokerFigures,
    FeedFigures,
    JobFigures,
    LagReading,
    PartitionFigures,
    TaskFigures,
)

FEED = FeedFigures("ok", {"trades": 500.0, "quotes": 1500.0}, 10.0)
BROKER = BrokerFigures(queued=20, produce_ms=15.0, request_ms=3.0)
PARTITION = PartitionFigures(0, trades=80.0, quotes=250.0, backlog=30, watermark_ms=2200.0)
JOB = JobFigures(
    works=True,
    reason="ok",
    parallelism=1,
    bound_ms=2000,
    idle_ms=30_000,
    partitions=tuple(replace(PARTITION, number=number) for number in range(6)),
    tasks=(TaskFigures("ta", 0.4, 0.0), TaskFigures("Source", 0.1, 0.1)),
    late=0.004,
    disorder_ms=900.0,
    checkpoint_ms=60.0,
)
WELL = LagReading(4.0, FEED, BROKER, JOB)


def with_partition(job: JobFigures, number: int, **figures: object) -> JobFigures:
    changed = [replace(one, **figures) if one.number == number else one for one in job.partitions]  # type: ignore[arg-type]
    return replace(job, partitions=tuple(changed))


SILENT = replace(WELL, feed=replace(FEED, messages={}, lag_ms=None))
UNQUOTED = replace(WELL, job=with_partition(JOB, 3, quotes=0.0, watermark_ms=9000.0))
SLOW_JOB = replace(
    WELL,
    job=replace(
        with_partition(JOB, 2, backlog=9000, watermark_ms=30_000.0),
        tasks=(TaskFigures("ta", 0.99, 0.0), TaskFigures("Source", 0.05, 0.9)),
    ),
)
LATE_FEED = replace(
    WELL, feed=replace(FEED, lag_ms=5000.0), job=replace(JOB, partitions=(replace(PARTITION, watermark_ms=7000.0),) * 6)
)
SLOW_BROKER = replace(WELL, broker=BrokerFigures(queued=4000, produce_ms=1900.0, request_ms=700.0))
DISORDER = replace(WELL, job=replace(JOB, late=0.12, disorder_ms=4800.0))

READINGS = {
    Cause.MUTED: SILENT,
    Cause.FEED: LATE_FEED,
    Cause.BROKER: SLOW_BROKER,
    Cause.JOB: SLOW_JOB,
    Cause.IDLE: UNQUOTED,
    Cause.DISORDER: DISORDER,
    Cause.FEED_DOWN: replace(SILENT, feed=replace(SILENT.feed, reason="alpaca_auth")),
    Cause.JOB_DOWN: replace(WELL, job=replace(JOB, works=False, reason="the job is RESTARTING", partitions=())),
}
