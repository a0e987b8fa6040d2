"""What procedures see of lag: figures of every stretch between the feed and the final record, over some seconds.

Rates are per second of the reading. A figure that could not be had is None; it is evidence of nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class FeedFigures:
    """The forwarder's side of the feed.

    Attributes:
        reason: its own word (`ok`, `stale_feed`, ...); empty when it does not answer.
        messages: received per second, by channel.
        lag_ms: median time from an event to its receipt.
        expected: whether the market is open, so that silence means something.
    """

    reason: str
    messages: Mapping[str, float]
    lag_ms: float | None
    expected: bool = True


@dataclass(frozen=True)
class BrokerFigures:
    """The forwarder's side of Kafka, and a request of our own.

    Attributes:
        queued: records that are not acknowledged yet.
        produce_ms: mean time from receipt to acknowledgement.
        request_ms: the slower half of some small requests took at least this long.
    """

    queued: int
    produce_ms: float | None
    request_ms: float | None


@dataclass(frozen=True)
class PartitionFigures:
    """One partition on its way through the job.

    Attributes:
        trades, quotes: written to it per second.
        backlog: records in it that the job has not taken in.
        watermark_ms: how far event time, up to which all is closed, is behind the clock.
        idle: the job waits for none of its topics.
    """

    number: int
    trades: float
    quotes: float
    backlog: int
    watermark_ms: float | None
    idle: bool = False


@dataclass(frozen=True)
class TaskFigures:
    """One task of the job: shares of time, of its busiest subtask."""

    name: str
    busy: float
    backpressured: float


@dataclass(frozen=True)
class JobFigures:
    """The job.

    Attributes:
        parallelism, bound_ms, idle_ms: as it was deployed.
        late: share of the newest trades that came later than the bound after newer ones.
        disorder_ms: 99 of 100 trades come at most so much after newer ones.
        checkpoint_ms: how long the newest checkpoint took.
    """

    works: bool
    reason: str
    parallelism: int
    bound_ms: int
    idle_ms: int
    partitions: tuple[PartitionFigures, ...] = ()
    tasks: tuple[TaskFigures, ...] = ()
    late: float = 0.0
    disorder_ms: float = 0.0
    checkpoint_ms: float | None = None


@dataclass(frozen=True)
class LagReading:
    """Everything, over `span_s` seconds."""

    span_s: float
    feed: FeedFigures
    broker: BrokerFigures
    job: JobFigures


class LagMeter(Protocol):
    """Reads the figures."""

    def read(self) -> LagReading:
        """Over some seconds from now; changes nothing."""
        ...
