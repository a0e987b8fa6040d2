"""What the console measures, and what it alone sees of the others, for Prometheus.

The job's status and the roles of the forwarders are in topics; they become metrics here, so that alerts go on when the
job or a forwarder is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from torghut.console.health import HEARTBEAT_LOST_S, Observed
from torghut.console.lag import Percentiles
from torghut.console.procedures import RunCard
from torghut.wire.status import TaStatus

_TA_STATES: Final = ("RUNNING", "STARTING", "STALLED", "UNREACHABLE")


class ConsoleMetrics(Collector):
    """Counts of this process, and gauges of what `observed` knows when scraped. `rows` is the board's size.

    `runs` are those of all procedures, the newest first.
    """

    def __init__(
        self, observed: Callable[[], Observed], rows: Callable[[], int], runs: Callable[[], Sequence[RunCard]]
    ) -> None:
        self.browsers = 0
        self.dropped: Counter[str] = Counter()
        self._updates = 0
        self._bytes = 0
        self._observed = observed
        self._rows = rows
        self._runs = runs
        self.registry = CollectorRegistry()
        self.registry.register(self)

    @contextmanager
    def browser(self) -> Iterator[None]:
        """Count a browser while it is here."""
        self.browsers += 1
        try:
            yield
        finally:
            self.browsers -= 1

    def sent(self, size: int) -> None:
        """Count an update of so many characters."""
        self._updates += 1
        self._bytes += size

    def collect(self) -> Iterator[Metric]:
        """Everything."""
        seen = self._observed()
        yield _gauge("torghut_console_browsers", "Browsers connected", self.browsers)
        yield _gauge("torghut_console_rows", "Seconds of all symbols kept in memory", self._rows())
        yield _gauge("torghut_console_kafka_up", "1 while Kafka is read", float(seen.reader.problem is None))
        yield _counter("torghut_console_skipped", "Records that were not understood", seen.reader.skipped)
        yield _counter("torghut_console_updates", "Updates sent to browsers", self._updates)
        yield _counter("torghut_console_sent_bytes", "Bytes of those updates", self._bytes)
        dropped = CounterMetricFamily("torghut_console_dropped", "Browsers dropped, by reason", labels=("reason",))
        for reason, count in self.dropped.items():
            dropped.add_metric((reason,), count)
        yield dropped
        yield from _roles(seen)
        yield from _letters(seen)
        yield from _certificates(seen)
        yield from _latencies({"provisional": seen.provisional, "final": seen.final})
        yield from _procedures(self._runs())
        if seen.ta is not None:
            yield from _job(seen, seen.ta)


def _gauge(name: str, text: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text)
    family.add_metric((), value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    family = CounterMetricFamily(name, text)
    family.add_metric((), value)
    return family


def _roles(seen: Observed) -> Iterator[Metric]:
    family = GaugeMetricFamily("torghut_forwarders", "Forwarders that report, by role", labels=("role",))
    for role in ("active", "standby"):
        alive = [s for s in seen.forwarders.values() if s.role == role and seen.age_s(s.ts) < HEARTBEAT_LOST_S]
        family.add_metric((role,), len(alive))
    yield family


def _procedures(runs: Sequence[RunCard]) -> Iterator[Metric]:
    """Of runs with the newest first."""
    family = GaugeMetricFamily(
        "torghut_procedure_runs", "Runs in the journals", labels=("target", "procedure", "phase", "verdict")
    )
    for labels, count in Counter((run.target, run.procedure, run.phase, run.verdict) for run in runs).items():
        family.add_metric(labels, count)
    yield family
    last = GaugeMetricFamily("torghut_procedure_last_seconds", "How long the newest took", labels=("procedure",))
    for procedure, run in {run.procedure: run for run in reversed(runs)}.items():
        last.add_metric((procedure,), run.seconds)
    yield last


def _letters(seen: Observed) -> Iterator[Metric]:
    family = CounterMetricFamily("torghut_dead_letters", "Dead letters since the start", labels=("source", "reason"))
    for kind, count in seen.dead_letters.items():
        family.add_metric(kind, count)
    yield family


def _certificates(seen: Observed) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "torghut_certificate_expiry_timestamp_seconds", "When a certificate of Kafka ends", labels=("certificate",)
    )
    for name, at_s in seen.certificates.items():
        family.add_metric((name,), at_s)
    yield family


def _latencies(windows: dict[str, Percentiles | None]) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "torghut_signal_latency_seconds",
        "Receipt of an event to its signal",
        labels=("kind", "quantile"),
    )
    for kind, found in windows.items():
        if found is not None:
            family.add_metric((kind, "0.5"), found.p50 / 1000)
            family.add_metric((kind, "0.99"), found.p99 / 1000)
    yield family


def _job(seen: Observed, ta: TaStatus) -> Iterator[Metric]:
    state = GaugeMetricFamily("torghut_ta_state", "1 for the job's present state", labels=("state", "version"))
    for name in sorted({*_TA_STATES, ta.status}):
        state.add_metric((name, ta.version), float(name == ta.status))
    yield state
    yield _gauge("torghut_ta_status_age_seconds", "Age of the job's newest status", seen.age_s(ta.ts))
    if ta.watermark_lag_ms is not None:
        yield _gauge("torghut_ta_watermark_lag_seconds", "How far event time is behind", ta.watermark_lag_ms / 1000)
    yield _gauge("torghut_ta_idle_partitions", "Partitions that nobody waits for", len(ta.idle_partitions))
    yield _counter("torghut_ta_records_in", "Records read by the job", ta.records_in)
    yield _counter("torghut_ta_records_out", "Records written by the job", ta.records_out)
    yield _counter("torghut_ta_late_records", "Events that came after their window's revisions ended", ta.late_records)
    yield _gauge("torghut_ta_checkpoints_failed", "Failed since the JobManager started", ta.checkpoint.failed)
    if ta.checkpoint.age_ms is not None:
        age = ta.checkpoint.age_ms / 1000 + seen.age_s(ta.ts)
        yield _gauge("torghut_ta_checkpoint_age_seconds", "Age of the newest completed checkpoint", age)
    if ta.checkpoint.duration_ms is not None:
        yield _gauge("torghut_ta_checkpoint_duration_seconds", "How long it took", ta.checkpoint.duration_ms / 1000)
