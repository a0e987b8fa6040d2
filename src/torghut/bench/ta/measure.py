"""All subjects in one run, and what is said of it: figures, the report, the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Final

import msgspec

from torghut.bench.latencies import percentile
from torghut.bench.machine import this_machine
from torghut.bench.report import Figure, Report, Target, rows
from torghut.bench.ta.place import Place
from torghut.bench.ta.plan import LIMIT, NAIVE, OURS, Plan, Steady
from torghut.bench.ta.trial import ENCODE_S, Latency, Outcome, Source, Throughput, run

BACKLOG: Final = "backlog"
BARS: Final = "bars of the backlog"
PER_CPU: Final = "backlog per CPU-second"
PROVISIONAL: Final = "event to provisional"
FINAL: Final = "window end to final"
CAUGHT_UP: Final = "caught up after"
CHECKPOINT: Final = "checkpoint"
PROCESSOR: Final = "processor of the TaskManager"
MEMORY: Final = "memory, peak"
PERCENTILES: Final = (50, 90, 99)
_GAP_S: Final = 20.0
"""Between two loads in event time: longer than closers go on."""
_PACKAGES: Final = ("confluent-kafka", "msgspec")


class Measurement(msgspec.Struct, frozen=True):
    """What came out: the figures, the report, the targets."""

    figures: list[Figure]
    report: Report
    targets: list[Target]


def measure(place: Place, plan: Plan, tell: Callable[[str], None]) -> Measurement:
    """Run the plan.

    Raises:
        BenchError: a process failed, or the output of a subject is not each bar exactly once.
    """
    machine = this_machine(*_PACKAGES)
    with ExitStack() as pumps:
        sources = list(_sources(place, plan))
        for source in sources:
            pumps.enter_context(source.stage).hear("ready", ENCODE_S)
        warm_up, *backlogs = sources
        outcomes = [run(place, plan, subject, warm_up, backlogs, tell) for subject in plan.subjects]
    figures = [Figure(*found[:3], (found[3],)) for outcome in outcomes for found in figures_of(outcome, plan)]
    figures.sort(key=lambda figure: _ORDER.index(figure.what.partition(":")[0]))
    return Measurement(figures, Report(machine, _describe(plan), rows(figures, NAIVE.name)), targets(figures, plan))


def _sources(place: Place, plan: Plan) -> Iterator[Source]:
    """The warm-up and the backlogs, one after the other in event time, and all of it before an outage could begin."""
    loads = [plan.warm_up_load, *(plan.backlog_load(symbols) for symbols in plan.symbols)]
    lead_s = -sum(load.seconds + _GAP_S for load in loads) - plan.outage.away_s
    for number, load in enumerate(loads):
        yield Source(place, load, lead_s, f"past-{number}")
        lead_s += load.seconds + _GAP_S


_ORDER: Final = (BACKLOG, BARS, PER_CPU, PROVISIONAL, FINAL, CAUGHT_UP, CHECKPOINT, PROCESSOR, MEMORY)
_Found = tuple[str, str, str, float]


def figures_of(outcome: Outcome, plan: Plan) -> Iterator[_Found]:
    """Each figure: what, who, unit, value."""
    who = outcome.subject
    for throughput in outcome.throughputs:
        yield from _of_backlog(who, throughput)
    for latency in outcome.latencies:
        yield from _of_steady(who, latency, plan)
    if outcome.caught_up_s is not None:
        outage = plan.outage
        case = f"{outage.away_s:g} s away, {outage.symbols:,} symbols, {outage.rate:,.0f} msg/s"
        yield f"{CAUGHT_UP}: {case}", who, "s", outcome.caught_up_s
    yield f"{MEMORY}: TaskManager", who, "MB", outcome.worker_mb
    yield f"{MEMORY}: JobManager", who, "MB", outcome.manager_mb


def _of_backlog(who: str, throughput: Throughput) -> Iterator[_Found]:
    case = f"{throughput.symbols:,} symbols"
    yield f"{BACKLOG}: {case}", who, "trades/s", throughput.trades / throughput.wall_s
    yield f"{BARS}: {case}", who, "bars/s", throughput.bars / throughput.wall_s
    yield f"{PER_CPU}: {case}", who, "trades/CPU-s", throughput.trades / max(throughput.cpu_s, 0.01)


def _of_steady(who: str, latency: Latency, plan: Plan) -> Iterator[_Found]:
    case = _case(latency.load)
    for p in PERCENTILES:
        if latency.provisional_ms:
            yield f"{PROVISIONAL}: p{p}, {case}", who, "ms", percentile(latency.provisional_ms, p)
        yield f"{FINAL}: p{p} above the bound, {case}", who, "ms", percentile(latency.final_ms, p) - plan.watermark_ms
    if latency.checkpoints:
        durations = sorted(float(one.end_to_end_duration) for one in latency.checkpoints)
        sizes = sorted(one.state_size / 1e3 for one in latency.checkpoints)
        yield f"{CHECKPOINT}: duration p50, {case}", who, "ms", percentile(durations, 50)
        yield f"{CHECKPOINT}: duration p99, {case}", who, "ms", percentile(durations, 99)
        yield f"{CHECKPOINT}: size, {case}", who, "kB", sizes[-1]
    yield f"{PROCESSOR}: {case}", who, "cores", latency.cpu


def _case(steady: Steady) -> str:
    return f"{steady.symbols:,} symbols, {steady.rate:,.0f} msg/s"


def _describe(plan: Plan) -> dict[str, str]:
    outage = plan.outage
    return {
        "backlog": f"{plan.backlog:,} trades (the first {NAIVE.share:.0%} of them for the naive job), event time at "
        f"{plan.backlog_rate:,.0f} a second; from when the job goes on until the last bar is read, committed",
        "steady": f"half trades, half quotes for {plan.seconds:g} s, all partitions active",
        "outage": f"{outage.away_s:g} s paused, {outage.rate:,.0f} msg/s of {outage.symbols:,} symbols go on; caught "
        "up when bars are at most the bound + 1 s behind their window's end",
        "percentiles": "nearest rank: provisional over all trades, final over all bars of a load",
        "checkpoints": f"every {plan.checkpoint_interval_ms} ms on MinIO, exactly once; watermark bound "
        f"{plan.watermark_ms} ms",
        "warm-up": f"{plan.warm_up:,} messages for each subject, then its processes are paused while the backlog grows",
        "kafka": "one broker on this machine, SASL_SSL SCRAM-SHA-512; 6 partitions; one slot for each job",
        "verified": "every bar of every load was there exactly once with all its trades",
        OURS.name: "bars, all indicators, quotes, revisions, dead letters; Python in thread mode",
        NAIVE.name: "bars only: a keyed operator called for every trade, keyed state; process mode, Flink decodes JSON",
        LIMIT.name: "bars only: an event-time window; late prints dropped, nothing provisional, no Python",
    }


def targets(figures: Iterable[Figure], plan: Plan) -> list[Target]:
    """What is to be reached, at all loads that were measured."""
    ours = {figure.what: figure.median for figure in figures if figure.who == OURS.name}
    naive = {figure.what: figure.median for figure in figures if figure.who == NAIVE.name}
    found = []
    for what, value in ours.items():
        kind, _, case = what.partition(": ")
        if kind == BACKLOG:
            found.append(Target(f"backlog of {case}: at least 100,000 trades/s", value >= 1e5, f"{value:,.0f}"))
            if what in naive:
                times = value / naive[what]
                found.append(Target(f"backlog of {case}: at least 5 times the naive job", times >= 5, f"{times:.1f}"))
        elif kind == PROVISIONAL and case.startswith("p99"):
            found.append(Target(f"provisional {case}: at most 100 ms", value <= 100, f"{value:,.0f} ms"))
        elif kind == FINAL and case.startswith("p99"):
            found.append(Target(f"final {case}: at most 500 ms", value <= 500, f"{value:,.0f} ms"))
        elif kind == CAUGHT_UP:
            limit = plan.outage.away_s / 2
            found.append(Target(f"{what}: within {limit:g} s", value <= limit, f"{value:.1f} s"))
    return found
