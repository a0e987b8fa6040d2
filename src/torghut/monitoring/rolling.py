"""The rolling audit: `torghut audit` over the last minutes, again and again, its counts shown to Prometheus.

`python -m torghut.monitoring.rolling` is a process of the stack (with `--with-metrics`). Each audit is a process of its
own at the lowest priority: its memory is given back, and it never takes time from the pipeline.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import Field

from torghut.config import Settings, load

SETTLED_S: Final = 45
"""Events younger than this may still be under way: a repair takes its time."""
_DEADLINE_S: Final = 300.0
_NICE: Final = "19"


class RollingSettings(Settings):
    """How often, over how much, and where the counts are shown."""

    port: int = Field(alias="METRICS_PORT", description="a TCP port", ge=0, le=65535)
    period_s: float = Field(60.0, alias="AUDIT_PERIOD_S", description="seconds, at least 5", ge=5)
    window_s: int = Field(120, alias="AUDIT_WINDOW_S", description="seconds, at least 10", ge=10)


class Counts(msgspec.Struct, frozen=True):
    """What is taken of one channel, of the bars or of the signals; null where it was not audited."""

    sent: int | None = None
    lost: int | None = None
    missing: int | None = None
    duplicated: int | None = None
    wrong: int | None = None
    gap: int | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What is taken of an audit's document."""

    verdict: str
    channels: dict[str, Counts]
    bars: Counts
    signals: Counts
    seconds: float

    def total(self, *names: str) -> int:
        """The sum of these counts over everything that was audited."""
        parts = (*self.channels.values(), self.bars, self.signals)
        return sum(getattr(part, name) or 0 for part in parts for name in names)


class Shown(Collector):
    """The newest audit, as metrics."""

    def __init__(self) -> None:
        self.newest: Verdict | None = None
        self.at_s = 0.0
        self.failed = 0

    def collect(self) -> Iterator[Metric]:
        """Nothing but failures before the first audit."""
        failures = CounterMetricFamily("torghut_audit_failures", "Audits that could not be made")
        failures.add_metric((), self.failed)
        yield failures
        if (found := self.newest) is None:
            return
        for name, text, value in (
            ("ok", "1 when the newest audit found nothing wrong", float(found.verdict == "ok")),
            ("events", "Events in the newest window", found.total("sent")),
            ("lost", "Events, bars and signals that are missing", found.total("lost", "missing")),
            ("duplicated", "Events, bars and signals that are there twice", found.total("duplicated")),
            ("wrong", "Events, bars and signals with other values", found.total("wrong")),
            ("gap", "Events that nobody can repair", found.total("gap")),
            ("seconds", "How long the newest audit took", found.seconds),
            ("last_timestamp_seconds", "When it ended", self.at_s),
        ):
            family = GaugeMetricFamily(f"torghut_audit_{name}", text)
            family.add_metric((), value)
            yield family


def audit_once(window_s: int) -> Verdict | None:
    """One audit; None when it could not be made (its reason is in the log)."""
    command = ["nice", "-n", _NICE, sys.executable, "-m", "torghut", "audit", "--json"]
    window = ["--since", f"{window_s + SETTLED_S}s", "--until", f"{SETTLED_S}s"]
    try:
        done = subprocess.run([*command, *window], stdout=subprocess.PIPE, check=False, timeout=_DEADLINE_S)
        return msgspec.json.decode(done.stdout, type=Verdict)
    except (subprocess.TimeoutExpired, msgspec.DecodeError):
        return None


def run(settings: RollingSettings) -> None:
    """Until SIGTERM or SIGINT."""
    stop, shown, registry = Event(), Shown(), CollectorRegistry()
    registry.register(shown)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    with suppress(OSError):
        os.nice(int(_NICE))
    server, _ = start_http_server(settings.port, "127.0.0.1", registry)
    begun = time.monotonic()
    stop.wait(settings.window_s + SETTLED_S)
    while not stop.wait(max(0.0, settings.period_s - (time.monotonic() - begun))):
        begun = time.monotonic()
        found = audit_once(settings.window_s)
        if found is None:
            shown.failed += 1
        else:
            shown.newest, shown.at_s = found, time.time()
    server.shutdown()


if __name__ == "__main__":
    run(load(RollingSettings))
