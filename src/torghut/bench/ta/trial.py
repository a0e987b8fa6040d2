"""One subject through all its loads. What comes out of Kafka is checked before anything is a figure."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from torghut.bench.errors import BenchError
from torghut.bench.latencies import percentile
from torghut.bench.load import Load, symbols_of
from torghut.bench.stage import Stage
from torghut.bench.ta import figures
from torghut.bench.ta.cluster import RunningJob, running_job
from torghut.bench.ta.place import Place
from torghut.bench.ta.plan import Plan, Steady, Subject
from torghut.bench.ta.watch import Watch
from torghut.platform.flink.rest import Checkpoint
from torghut.platform.waiting import wait_until
from torghut.wire.times import NS_PER_S

ENCODE_S: Final = 120.0
PUMP_S: Final = 150.0
DRAIN_S: Final = 180.0
_PER_RECORD_S: Final = 20e-6
"""What encoding a record may take on a slow machine: a live load begins that much later."""
_LEAD_S: Final = 2.0
_LAG_MS: Final = 1000.0
"""Caught up is who is no more than this behind the watermark's bound."""


class Throughput(msgspec.Struct, frozen=True):
    """A backlog: its trades, and seconds of wall clock and of the TaskManager's processor until all bars are there."""

    symbols: int
    trades: int
    bars: int
    wall_s: float
    cpu_s: float


class Latency(msgspec.Struct, frozen=True):
    """A steady load: sorted times in ms, and the checkpoints meanwhile. `cpu`: processor seconds a second."""

    load: Steady
    provisional_ms: list[float]
    final_ms: list[float]
    checkpoints: list[Checkpoint]
    cpu: float


class Outcome(msgspec.Struct, frozen=True):
    """All of one subject. Memory in MB, at its peak."""

    subject: str
    start_s: float
    throughputs: list[Throughput]
    latencies: list[Latency]
    caught_up_s: float | None
    worker_mb: float
    manager_mb: float


class Source:
    """A pump: what it writes, known before it does."""

    def __init__(self, place: Place, load: Load, lead_s: float, name: str) -> None:
        """Start encoding. The load begins `lead_s` seconds from now, at the next whole second."""
        self.load: Final = load
        self._trades_file: Final = place.arena.directory / f"{name}.trades"
        self.stage: Final = Stage(
            "torghut.bench.ta.pump",
            msgspec.json.encode(load).decode(),
            f"{lead_s}",
            str(self._trades_file),
            environment=place.stack.environment("forwarder"),
            log=place.arena.directory / f"{name}.log",
        )

    def trades(self, share: float = 1.0) -> array[int]:
        """Event times and symbol numbers of the trades among its first records."""
        found = array("q")
        found.frombytes(self._trades_file.read_bytes())
        if share == 1.0:
            return found
        return found[: 2 * max(1, int(self.load.messages * share))]


@dataclass
class Trial:
    """One subject on topics of its own."""

    plan: Plan
    subject: Subject
    place: Place
    prefix: str
    job: RunningJob
    watch: Watch
    tell: Callable[[str], None]
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)

    def warm_up(self, source: Source) -> None:
        """Bring the JIT to work, and see that the job computes at all."""
        self._write(source)
        self._drain(source.trades(), symbols_of(source.load), DRAIN_S)

    def _write(self, source: Source, share: float = 1.0) -> None:
        source.stage.go(f"{self.prefix} {share}")
        source.stage.hear("done", PUMP_S)

    def _drain(self, trades: array[int], symbols: list[str], deadline_s: float) -> int:
        """Wait for all bars of these trades and check them; their number."""
        expected = figures.expected_bars(trades, symbols)

        def complete() -> bool:
            self.job.check()
            self.watch.check()
            return len(self.watch.bars) >= len(expected)

        try:
            wait_until(complete, deadline_s, "all bars", 0.02)
        except TimeoutError as error:
            seen = f"{len(self.watch.bars)} of {len(expected)} bars came within {deadline_s:g} s"
            raise BenchError(f"{self.subject.name}: {seen}") from error
        figures.check_bars(self.watch.bars, expected)
        return len(expected)

    def backlog(self, source: Source) -> Throughput:
        """Let it wait in Kafka, and take the time that the job needs for it."""
        share, symbols = self.subject.share, symbols_of(source.load)
        self.tell(f"{self.subject.name}: {source.load.messages * share:,.0f} trades of {len(symbols)} symbols in Kafka")
        self.watch.forget()
        self.job.pause()
        try:
            self._write(source, share)
        finally:
            before, begun = self.job.worker().cpu_s, time.time_ns()
            self.job.resume()
        trades = source.trades(share)
        bars = self._drain(trades, symbols, DRAIN_S)
        wall_s = (max(bar.at_ns for bar in self.watch.bars) - begun) / NS_PER_S
        self.tell(f"  {len(trades) / 2 / wall_s:,.0f} trades/s, {bars / wall_s:,.0f} bars/s")
        return Throughput(len(symbols), len(trades) // 2, bars, wall_s, self.job.worker().cpu_s - before)

    def steady(self, steady: Steady) -> Latency:
        """A load as it happens."""
        load = self.plan.steady_load(steady)
        self.tell(f"{self.subject.name}: {steady.rate:,.0f} msg/s of {steady.symbols} symbols, {self.plan.seconds:g} s")
        self.watch.forget()
        source = Source(self.place, load, _lead_s(load), f"{self.prefix}{steady.symbols}-{steady.rate:.0f}")
        with source.stage as stage:
            base = stage.hear("ready", ENCODE_S).base
            stage.go(f"{self.prefix} 1")
            self._wait_for(base)
            cpu, begun = self.job.worker().cpu_s, time.monotonic()
            while stage.listen("done", 1.0) is None:
                self._note_checkpoints()
            cpu = (self.job.worker().cpu_s - cpu) / (time.monotonic() - begun)
            trades, symbols = source.trades(), symbols_of(load)
            self._drain(trades, symbols, DRAIN_S)
        shown = figures.provisional_ms(trades, symbols, self.watch.provisional) if self.subject.provisional else []
        noted, closed = list(self.checkpoints.values()), figures.final_ms(self.watch.bars)
        for what, times in (("provisional", shown), ("final", closed)):
            if times:
                self.tell(f"  {what} p50 {percentile(times, 50):,.0f} ms, p99 {percentile(times, 99):,.0f} ms")
        return Latency(steady, shown, closed, noted, cpu)

    def _wait_for(self, base: int) -> None:
        """Until the load begins."""
        if time.time_ns() > base:
            raise BenchError("the load should have begun already: this machine encodes it too slowly")
        wait_until(lambda: time.time_ns() >= base, ENCODE_S, "the load to begin", 0.05)
        self.checkpoints = {}

    def _note_checkpoints(self) -> None:
        self.checkpoints |= {one.id: one for one in self.job.checkpoints()}

    def outage(self) -> float:
        """Seconds that the job needs to catch up after it was away."""
        outage, load = self.plan.outage, self.plan.outage_load
        self.tell(f"{self.subject.name}: away for {outage.away_s:g} s at {outage.rate:,.0f} msg/s")
        self.watch.forget()
        lead_s = _lead_s(load) - outage.away_s
        source = Source(self.place, load, lead_s, f"{self.prefix}outage")
        with source.stage as stage:
            base = stage.hear("ready", ENCODE_S).base
            self.job.pause()
            try:
                stage.go(f"{self.prefix} 1")
                back_ns = base + int(outage.away_s * NS_PER_S)
                wait_until(lambda: time.time_ns() >= back_ns, ENCODE_S, "the outage to end", 0.01)
            finally:
                since_ns = time.time_ns()
                self.job.resume()
            stage.hear("done", outage.goes_on_s + ENCODE_S)
            self._drain(source.trades(), symbols_of(load), DRAIN_S)
        took_s = figures.caught_up_s(self.watch.bars, since_ns, self.plan.watermark_ms + _LAG_MS)
        self.tell(f"  caught up after {took_s:.1f} s")
        return took_s


def _lead_s(load: Load) -> float:
    return _LEAD_S + load.messages * _PER_RECORD_S


def run(
    place: Place, plan: Plan, subject: Subject, warm_up: Source, backlogs: list[Source], tell: Callable[[str], None]
) -> Outcome:
    """Measure one subject.

    Raises:
        BenchError: a process failed, or the output is not each bar exactly once: the figures would be false.
    """
    with place.arena.topics() as prefix, ExitStack() as open_things:
        tell(f"{subject.name}: starting")
        begun = time.monotonic()
        interval, bound = plan.checkpoint_interval_ms, plan.watermark_ms
        job = open_things.enter_context(running_job(place, prefix, _script(place, subject), interval, bound))
        start_s = time.monotonic() - begun
        watch = open_things.enter_context(Watch(place.stack.kafka("audit", prefix).client(), prefix))
        trial = Trial(plan, subject, place, prefix, job, watch, tell)
        trial.warm_up(warm_up)
        throughputs = [trial.backlog(source) for source in backlogs]
        # The outage first: it begins in the past, where no second may be closed yet.
        caught_up_s = trial.outage() if subject.outage else None
        latencies = [trial.steady(steady) for steady in subject.steady]
        worker_mb, manager_mb = job.worker().peak_mb, job.manager().peak_mb
        return Outcome(subject.name, start_s, throughputs, latencies, caught_up_s, worker_mb, manager_mb)


def _script(place: Place, subject: Subject) -> Path:
    if subject.script is None:
        return place.script
    return place.code / "torghut" / "bench" / "flink" / f"{subject.script}.py"
