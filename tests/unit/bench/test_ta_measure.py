from __future__ import annotations

import msgspec
import pytest

from torghut.bench.report import Figure
from torghut.bench.ta import plan as plans
from torghut.bench.ta.measure import BACKLOG, CAUGHT_UP, FINAL, PROVISIONAL, figures_of, targets
from torghut.bench.ta.plan import LIMIT, NAIVE, OURS, Plan, Steady
from torghut.bench.ta.trial import Latency, Outcome, Throughput
from torghut.platform.flink.rest import Checkpoint

PLAN = Plan((OURS, NAIVE, LIMIT))


def figures(**changed: float) -> list[Figure]:
    values = {"rate": 100_000.0, "naive": 20_000.0, "shown": 100.0, "final": 500.0, "caught_up": 30.0} | changed
    return [
        Figure(f"{BACKLOG}: 12 symbols", OURS.name, "trades/s", (values["rate"],)),
        Figure(f"{BACKLOG}: 12 symbols", NAIVE.name, "trades/s", (values["naive"],)),
        Figure(f"{PROVISIONAL}: p99, 12 symbols", OURS.name, "ms", (values["shown"],)),
        Figure(f"{PROVISIONAL}: p50, 12 symbols", OURS.name, "ms", (1e9,)),
        Figure(f"{FINAL}: p99 above the bound, 12 symbols", OURS.name, "ms", (values["final"],)),
        Figure(f"{FINAL}: p99 above the bound, 12 symbols", LIMIT.name, "ms", (1e9,)),
        Figure(f"{CAUGHT_UP}: 60 s away", OURS.name, "s", (values["caught_up"],)),
    ]


def test_targets_are_reached_at_their_bounds() -> None:
    found = targets(figures(), PLAN)
    assert len(found) == 5
    assert all(target.reached for target in found)


@pytest.mark.parametrize(
    ("name", "value"), [("rate", 99_999), ("naive", 20_001), ("shown", 100.1), ("final", 500.1), ("caught_up", 30.1)]
)
def test_a_target_that_is_missed_is_told(name: str, value: float) -> None:
    assert not all(target.reached for target in targets(figures(**{name: value}), PLAN))


def outcome() -> Outcome:
    checkpoints = [Checkpoint(number, 0, 100 + number, 5_000) for number in range(3)]
    latency = Latency(Steady(12, 2_000.0), [10.0, 20.0], [2_100.0, 2_300.0], checkpoints, 0.5)
    return Outcome("torghut", 20.0, [Throughput(12, 300_000, 400, 2.0, 1.5)], [latency], 7.0, 900.0, 400.0)


def test_a_final_is_told_as_what_it_took_above_the_bound() -> None:
    found = {what: value for what, _, _, value in figures_of(outcome(), PLAN)}
    assert found[f"{FINAL}: p99 above the bound, 12 symbols, 2,000 msg/s"] == 300.0
    assert found[f"{BACKLOG}: 12 symbols"] == 150_000.0


def test_one_subject_can_be_measured_alone() -> None:
    plan = plans.full(500, 8.0, 100_000)
    assert [subject.name for subject in plans.limited(plan, "naive").subjects] == [NAIVE.name]
    assert [subject.name for subject in plans.limited(plan, "torghut").subjects] == [OURS.name]


@pytest.mark.parametrize("rate", [500.0, 2_000.0, 20_000.0])
def test_a_steady_load_takes_as_long_as_it_should(rate: float) -> None:
    plan = msgspec.structs.replace(PLAN, seconds=8.0)
    assert plan.steady_load(Steady(12, rate)).seconds == pytest.approx(8.0, abs=0.01)
