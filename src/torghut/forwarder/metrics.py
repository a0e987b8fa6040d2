"""The forwarder's metrics. The hot path counts in plain integers; they become Prometheus metrics when scraped."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from torghut.wire.topics import Channel

_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


PROMPT_CHANNELS: Final = frozenset({Channel.TRADES, Channel.QUOTES})
"""Channels whose events are reported when they happen. A bar's time is its minute's beginning: its lag says nothing."""


class Histogram:
    """Counts of durations in nanoseconds, in buckets of fixed bounds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS_S) + 1)
        self._sum_ns = 0

    def observe(self, duration_ns: int) -> None:
        """Count one."""
        self._counts[bisect_left(_BOUNDS_S, duration_ns / 1e9)] += 1
        self._sum_ns += duration_ns

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, as Prometheus has them."""
        total = 0
        found = []
        for bound, count in zip((*map(str, _BOUNDS_S), "+Inf"), self._counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found

    @property
    def sum_s(self) -> float:
        """Sum of all durations in seconds."""
        return self._sum_ns / 1e9


class Metrics(Collector):
    """All counts of one forwarder. `gates`, `state` and `queued` are asked when scraped."""

    def __init__(
        self,
        gates: Callable[[], dict[str, bool]],
        state: Callable[[], str],
        queued: Callable[[], int],
        produced: Callable[[], dict[tuple[str, str], int]],
        produce: Histogram,
    ) -> None:
        self.messages: Counter[str] = Counter()
        self.lag_ms: dict[str, float] = {}
        self.lag = Histogram()
        self.dropped: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.reconnects: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.gap_seconds: Counter[str] = Counter()
        self.produce = produce
        self._gates, self._state, self._queued, self._produced = gates, state, queued, produced
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def newest_lag_ms(self) -> float | None:
        """The longer of the newest lags of trades and quotes; None before the first."""
        return max((lag for channel, lag in self.lag_ms.items() if channel in PROMPT_CHANNELS), default=None)

    def collect(self) -> Iterator[Metric]:
        """Everything, by the contract's names."""
        for name in ("ws_lag_ms", "torghut_ws_lag_ms"):
            yield _gauge(name, "Event time to receipt of the newest message, ms", "channel", self.lag_ms)
        yield _histogram("torghut_ws_lag_seconds", "Event time to receipt", self.lag)
        yield _counter("torghut_ws_messages", "Messages received", "channel", self.messages)
        yield _counter("torghut_ws_reconnects", "Connections ended, by reason", "reason", self.reconnects)
        yield _counter("torghut_dedup_dropped", "Repeated events dropped", "channel", self.dropped)
        yield _counter("torghut_repaired", "Events published from history", "channel", self.repaired)
        yield _counter("torghut_rejected", "Messages sent to the dead-letter topic", "reason", self.rejected)
        yield _counter("torghut_gap_seconds", "Time that history could not repair", "channel", self.gap_seconds)
        outcomes = CounterMetricFamily("torghut_kafka_produce", "Records by outcome", labels=("topic", "outcome"))
        for labels, count in self._produced().items():
            outcomes.add_metric(labels, count)
        yield outcomes
        yield _histogram("torghut_kafka_produce_seconds", "Receipt to acknowledgement", self.produce)
        queued = GaugeMetricFamily("torghut_kafka_queue_messages", "Records not acknowledged yet")
        queued.add_metric((), self._queued())
        yield queued
        yield _gauge("torghut_readyz", "1 where the side works", "gate", self._gates())
        yield _gauge("torghut_status", "1 for the present status", "status", {self._state(): 1})


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, number in list(values.items()):
        family.add_metric((value,), float(number))
    return family


def _counter(name: str, text: str, label: str, values: Counter[str]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, count in list(values.items()):
        family.add_metric((value,), count)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, text)
    family.add_metric((), histogram.buckets(), histogram.sum_s)
    return family
