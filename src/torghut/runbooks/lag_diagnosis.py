"""Why signals are late: a pure judgement of a reading.

The stretches are looked at in the order in which they hide what is behind them: a silent or late feed, a slow broker, a
job that does not keep up, a partition that is waited for, data that are out of order. The first that shows its signs is
the cause, and nothing further is blamed: its evidence says by which figures it was recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from torghut.runbooks.lag_ports import JobFigures, LagReading, PartitionFigures


class Cause(StrEnum):
    """What makes signals late."""

    FEED_DOWN = "feed-down"
    MUTED = "muted-socket"
    FEED = "feed-late"
    BROKER = "slow-broker"
    JOB_DOWN = "job-down"
    JOB = "job-too-slow"
    IDLE = "idle-partition"
    DISORDER = "out-of-order"


@dataclass(frozen=True)
class Diagnosis:
    """The cause, None where nothing is late; by which figures, and which partitions it is about."""

    cause: Cause | None
    evidence: tuple[str, ...] = ()
    partitions: tuple[int, ...] = ()

    @property
    def said(self) -> str:
        """In one line."""
        return f"{self.cause}: {'; '.join(self.evidence)}" if self.cause else "nothing is late"


FEED_LAG_MS: Final = 1000.0
"""Alpaca's own lag is tens of milliseconds; a second is neither a bad moment nor a clock that is a little off."""
PRODUCE_MS: Final = 500.0
REQUEST_MS: Final = 500.0
BUSY: Final = 0.8
BACKPRESSURED: Final = 0.4
BACKLOG_S: Final = 4.0
"""So many seconds of input behind is more than a checkpoint, garbage, or figures two seconds old explain."""
LEAST_BACKLOG: Final = 200
HELD_MS: Final = 4000.0
"""Beyond the bound: batches and ticks take some hundred milliseconds, and figures are up to two seconds old."""
_CONNECTED: Final = frozenset({"ok", "stale_feed", "repairing"})
LATE: Final = 0.02
"""Late prints are normal (reports of other venues); two of a hundred are not."""


def diagnose(reading: LagReading) -> Diagnosis:
    """The cause."""
    for sign in _SIGNS:
        found = sign(reading)
        if found is not None:
            return found
    return Diagnosis(None)


def _down(reading: LagReading) -> Diagnosis | None:
    """The forwarder has another problem, which it names itself."""
    reason = reading.feed.reason
    if reason in _CONNECTED:
        return None
    return Diagnosis(Cause.FEED_DOWN, (f"the forwarder says {reason or 'nothing'}",))


def _muted(reading: LagReading) -> Diagnosis | None:
    """Silence of all channels, or of one that should never be silent while the others speak."""
    feed = reading.feed
    silent = [channel for channel in ("trades", "quotes") if not feed.messages.get(channel)]
    if not feed.expected or not silent:
        return None
    about = "no message" if not any(feed.messages.values()) else f"no {' and '.join(silent)}, though others come"
    said = f"{about} for {reading.span_s:.0f} s on an open connection; the forwarder says {feed.reason}"
    return Diagnosis(Cause.MUTED, (said,))


def _feed(reading: LagReading) -> Diagnosis | None:
    lag = reading.feed.lag_ms
    if lag is None or lag < FEED_LAG_MS:
        return None
    return Diagnosis(Cause.FEED, (f"half of all messages are received {lag:.0f} ms or more after their event",))


def _broker(reading: LagReading) -> Diagnosis | None:
    broker, evidence = reading.broker, []
    if broker.produce_ms is not None and broker.produce_ms >= PRODUCE_MS:
        evidence.append(f"a record is acknowledged {broker.produce_ms:.0f} ms after its receipt")
    if broker.request_ms is not None and broker.request_ms >= REQUEST_MS:
        evidence.append(f"half of our own requests took {broker.request_ms:.0f} ms or more")
    if not evidence:
        return None
    return Diagnosis(Cause.BROKER, (*evidence, f"{broker.queued} records wait in the forwarder"))


def _job_down(reading: LagReading) -> Diagnosis | None:
    return None if reading.job.works else Diagnosis(Cause.JOB_DOWN, (reading.job.reason,))


def _job(reading: LagReading) -> Diagnosis | None:
    """A backlog, and a task that has no time left: without the second it is only catching up."""
    job = reading.job
    behind = tuple(_behind(job))
    busy = [task for task in job.tasks if task.busy >= BUSY]
    pressed = [task for task in job.tasks if task.backpressured >= BACKPRESSURED]
    if not behind or not (busy or pressed):
        return None
    evidence = [f"partition {one.number} has {one.backlog} records waiting" for one in behind[:3]]
    evidence += [f"task {task.name} is busy {task.busy:.0%} of its time" for task in busy]
    evidence += [f"task {task.name} is held up {task.backpressured:.0%} of its time" for task in pressed]
    return Diagnosis(Cause.JOB, tuple(evidence), tuple(one.number for one in behind))


def _behind(job: JobFigures) -> Iterator[PartitionFigures]:
    for one in job.partitions:
        if one.backlog >= max(LEAST_BACKLOG, BACKLOG_S * (one.trades + one.quotes)):
            yield one


def _idle(reading: LagReading) -> Diagnosis | None:
    """Event time stands because a topic that says nothing is waited for; there is nothing to take in."""
    job = reading.job
    behind = set(_behind(job))
    held = [
        one
        for one in job.partitions
        if not (one in behind or one.idle or one.watermark_ms is None)
        and one.watermark_ms >= job.bound_ms + HELD_MS
        and not (one.trades and one.quotes)
    ]
    if not held or not any(one.trades or one.quotes for one in job.partitions):
        return None
    evidence = [
        f"partition {one.number}: {' and '.join(_silent(one))} silent, event time {one.watermark_ms:.0f} ms behind"
        for one in held
    ]
    waits = f"a silent topic is waited for {job.idle_ms} ms"
    return Diagnosis(Cause.IDLE, (*evidence, waits), tuple(one.number for one in held))


def _silent(one: PartitionFigures) -> list[str]:
    return [name for name, rate in (("trades", one.trades), ("quotes", one.quotes)) if not rate]


def _disorder(reading: LagReading) -> Diagnosis | None:
    job = reading.job
    if job.late < LATE:
        return None
    said = f"{job.late:.1%} of the trades come later than the bound of {job.bound_ms} ms after newer ones"
    return Diagnosis(Cause.DISORDER, (said, f"99 of 100 come within {job.disorder_ms:.0f} ms"))


_SIGNS: Final[tuple[Callable[[LagReading], Diagnosis | None], ...]] = (
    _down,
    _muted,
    _feed,
    _broker,
    _job_down,
    _job,
    _idle,
    _disorder,
)
