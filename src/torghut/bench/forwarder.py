"""The forwarder beside alpaca-py and beside the limit, in one run, interleaved, on the same records.

Rates count from the first frame until Kafka holds every record. The processor time is that of the measured process
alone, all its threads, so `msg/CPU-s` is what one core does for it, whatever else the machine is busy with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from torghut.bench.arena import Arena
from torghut.bench.latencies import percentile
from torghut.bench.load import Load
from torghut.bench.machine import this_machine
from torghut.bench.report import Figure, Report, Target, rows
from torghut.bench.trial import Outcome, Subject, run

OURS: Final = Subject("torghut", "torghut.bench.subjects.ours", "json")
MODELS: Final = Subject("alpaca-py", "torghut.bench.subjects.alpaca", "msgpack")
TUNED: Final = Subject("alpaca-py tuned", "torghut.bench.subjects.alpaca", "msgpack", {"BENCH_TUNED": "1"})
LIMIT: Final = Subject("librdkafka", "torghut.bench.subjects.limit", None)

PER_WALL: Final = "per second"
PER_CPU: Final = "per CPU-second"
PEAK: Final = "memory, peak"
LATENCY: Final = "socket to acknowledgement"
LAG: Final = "sent to received"
PERCENTILES: Final = (50, 90, 99)

PACKAGES: Final = ("picows", "uvloop", "msgspec", "confluent-kafka", "alpaca-py")


class Plan(msgspec.Struct, frozen=True):
    """How much is measured. `seconds` of the steady load at `rate` messages a second."""

    messages: int = 150_000
    seconds: float = 4.0
    rounds: int = 3
    rate: float = 20_000.0

    @property
    def full(self) -> Load:
        """Frames of 20, as fast as they are taken."""
        return Load(self.messages)

    @property
    def single(self) -> Load:
        """Frames of 1, as fast as they are taken."""
        return Load(max(1, self.messages // 3), frame=1)

    @property
    def steady(self) -> Load:
        """Frames of 20 at the rate."""
        return Load(max(20, int(self.rate * self.seconds)), rate=self.rate)

    def trials(self) -> list[tuple[Subject, Load]]:
        """What one round measures, in order."""
        return [
            *((subject, self.full) for subject in (OURS, MODELS, TUNED, LIMIT)),
            *((subject, self.single) for subject in (OURS, MODELS, TUNED)),
            *((subject, self.steady) for subject in (OURS, MODELS)),
        ]


class Measurement(msgspec.Struct, frozen=True):
    """What came out: the figures with all their rounds, the report, the targets."""

    figures: list[Figure]
    report: Report
    targets: list[Target]


def measure(
    arena: Arena, plan: Plan, tell: Callable[[str], None], trial: Callable[[Arena, Subject, Load], Outcome] = run
) -> Measurement:
    """Run the plan. Says each `trial` to `tell` before it begins.

    Raises:
        BenchError: a trial failed or its records are not in Kafka exactly once.
    """
    machine = this_machine(*PACKAGES)
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for number in range(plan.rounds):
        for subject, load in plan.trials():
            pace = f"{load.rate:,.0f} msg/s" if load.rate else "as fast as it takes them"
            tell(f"round {number + 1} of {plan.rounds}: {subject.name}, frames of {load.frame}, {pace}")
            for what, unit, value in _figures(load, trial(arena, subject, load)):
                found[what, subject.name, unit].append(value)
    figures = [Figure(what, who, unit, tuple(values)) for (what, who, unit), values in found.items()]
    figures.sort(key=lambda figure: _ORDER.index(figure.what.split(",")[0]))
    return Measurement(figures, Report(machine, _describe(plan, arena), rows(figures, MODELS.name)), targets(figures))


_ORDER: Final = (PER_CPU, PER_WALL, *(f"{LATENCY} p{p}" for p in PERCENTILES), f"{LAG} p99", PEAK.split(",")[0])


def _figures(load: Load, outcome: Outcome) -> Iterable[tuple[str, str, float]]:
    if load.rate is None:
        case = f"frames of {load.frame}"
        yield f"{PER_CPU}, {case}", "msg/CPU-s", load.messages / max(outcome.cpu_s, 0.01)
        yield f"{PER_WALL}, {case}", "msg/s", load.messages / outcome.wall_s
        yield f"{PEAK}, {case}", "MB", outcome.peak_mb
        return
    case = f"{load.rate:,.0f} msg/s"
    for p in PERCENTILES:
        yield f"{LATENCY} p{p}, {case}", "ms", percentile(outcome.latencies_ms, p)
    yield f"{LAG} p99, {case}", "ms", percentile(outcome.lag_ms, 99)
    yield f"{PEAK}, {case}", "MB", outcome.peak_mb


def _describe(plan: Plan, arena: Arena) -> dict[str, str]:
    full, single, steady = plan.full, plan.single, plan.steady
    return {
        "records": f"half trades, half quotes, {full.symbols} symbols, the same for all (seed {full.seed})",
        "as fast as taken": f"{full.messages:,} in frames of {full.frame}; {single.messages:,} in frames of 1",
        "steady": f"{steady.rate:,.0f} msg/s for {plan.seconds:g} s in frames of {steady.frame}",
        "rounds": f"{plan.rounds}, interleaved; medians",
        "feed": "a stand-in for Alpaca on this machine (ws, not wss); JSON to torghut, MessagePack to alpaca-py",
        "kafka": f"{'a broker started for this' if arena.own else 'the running stack'}: one broker on this machine, "
        "SASL_SSL SCRAM-SHA-512, acks=all, idempotent, lz4, linger 5 ms",
        "verified": "every trial's records were read back: each there exactly once",
        "torghut": "JSON in, dedup, sequence numbers, envelope, produce with reports, lease, status, metrics",
        "alpaca-py": "as documented (models): envelope, numbers, produce with reports; no dedup; microseconds only",
        "alpaca-py tuned": "the same without its models (raw_data=True) and on uvloop; nanoseconds kept",
        "librdkafka": "its producer on records that are ready, no reports; memory includes them",
    }


def targets(figures: Iterable[Figure]) -> list[Target]:
    """The targets of the forwarder, held against the medians."""
    value = {(figure.what, figure.who): figure.median for figure in figures}
    ours = value[f"{PER_CPU}, frames of 20", OURS.name]
    times = {who: ours / value[f"{PER_CPU}, frames of 20", who] for who in (MODELS.name, TUNED.name)}
    p99 = next(v for (what, who), v in value.items() if what.startswith(f"{LATENCY} p99") and who == OURS.name)
    peak = max(v for (what, who), v in value.items() if what.startswith(PEAK) and who == OURS.name)
    return [
        Target("at least 100,000 msg/s on one core, frames of 20", ours >= 100_000, f"{ours:,.0f} msg/CPU-s"),
        Target(
            "at least 3 times alpaca-py, per CPU-second",
            times[MODELS.name] >= 3,
            f"{times[MODELS.name]:.1f} times; {times[TUNED.name]:.1f} times it when tuned",
        ),
        Target("p99 from socket to acknowledgement at most 25 ms", p99 <= 25, f"{p99:.1f} ms"),
        Target("at most 300 MB", peak <= 300, f"{peak:.0f} MB"),
    ]
