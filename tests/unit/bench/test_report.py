from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from torghut.bench.arena import Arena
from torghut.bench.forwarder import (
    LATENCY,
    LIMIT,
    MODELS,
    OURS,
    PEAK,
    PER_CPU,
    TUNED,
    Measurement,
    Plan,
    measure,
    targets,
)
from torghut.bench.latencies import Latencies, percentile, read_sorted_ms
from torghut.bench.load import Load
from torghut.bench.report import Figure, rows
from torghut.bench.trial import Outcome, Subject
from torghut.stack.home import Home
from torghut.stack.running import RunningStack

CASE = f"{PER_CPU}, frames of 20"


def figures(ours: float, alpaca: float, p99: float, peak: float) -> list[Figure]:
    return [
        Figure(CASE, OURS.name, "msg/CPU-s", (ours,)),
        Figure(CASE, MODELS.name, "msg/CPU-s", (alpaca,)),
        Figure(CASE, TUNED.name, "msg/CPU-s", (alpaca,)),
        Figure(f"{LATENCY} p99, 20,000 msg/s", OURS.name, "ms", (p99,)),
        Figure(f"{PEAK}, frames of 20", OURS.name, "MB", (peak,)),
        Figure(f"{PEAK}, 20,000 msg/s", OURS.name, "MB", (peak - 1,)),
    ]


def test_a_ratio_is_that_of_the_medians() -> None:
    found = rows([Figure("x", "we", "msg/s", (10, 90, 30)), Figure("x", "they", "msg/s", (5, 10, 90))], "they")
    assert [(row.who, row.value, row.ratio) for row in found[:2]] == [("we", 30, 3.0), ("they", 10, 1.0)]


def test_a_figure_without_a_reference_has_no_ratio() -> None:
    (row,) = rows([Figure("x", "we", "msg/s", (10,))], "they")
    assert row.ratio is None


def test_the_spread_has_rows_of_its_own() -> None:
    found = {row.what: row.value for row in rows([Figure("x", "we", "msg/s", (10, 90, 30))], "they")}
    assert found == {"x": 30, "x (lowest)": 10, "x (highest)": 90}


def test_targets_are_reached_at_their_bounds() -> None:
    assert all(target.reached for target in targets(figures(100_000, 33_333, 25.0, 300.0)))


@pytest.mark.parametrize(
    ("place", "values"),
    [
        (0, (99_999, 20_000, 1.0, 100.0)),
        (1, (100_000, 40_000, 1.0, 100.0)),
        (2, (100_000, 20_000, 25.1, 100.0)),
        (3, (100_000, 20_000, 1.0, 301.0)),
    ],
)
def test_a_target_that_is_missed_says_so(place: int, values: tuple[float, float, float, float]) -> None:
    reached = [target.reached for target in targets(figures(*values))]
    assert reached == [number != place for number in range(4)]


@pytest.mark.parametrize(("percent", "wanted"), [(50, 50.0), (90, 90.0), (99, 99.0), (100, 100.0)])
def test_a_percentile_is_the_nearest_rank(percent: float, wanted: float) -> None:
    assert percentile([float(n) for n in range(1, 101)], percent) == wanted


def test_latencies_come_back_sorted_and_in_milliseconds(tmp_path: Path) -> None:
    noted = Latencies()
    for ns in (3_000_000, 1_500_000):
        noted.add(ns)
    noted.write(tmp_path / "noted")
    assert read_sorted_ms(tmp_path / "noted") == [1.5, 3.0]


def test_trials_of_a_round_alternate_between_the_subjects() -> None:
    names = [subject.name for subject, _ in Plan().trials()]
    assert all(one != other for one, other in itertools.pairwise(names))


def measured(plan: Plan) -> Measurement:
    def trial(_arena: Arena, subject: Subject, load: Load) -> Outcome:
        noted = [] if load.rate is None else [1.0, 2.0, 40.0]
        return Outcome(
            wall_s=2.0, cpu_s=1.0 if subject is OURS else 4.0, peak_mb=99.0, latencies_ms=noted, lag_ms=[1.0]
        )

    arena = Arena(RunningStack(Home(Path("/nowhere"))), Path("/nowhere"), own=True)
    return measure(arena, plan, lambda _: None, trial)


def test_the_document_has_the_keys_of_the_contract() -> None:
    document = msgspec.json.decode(msgspec.json.encode(measured(Plan(rounds=2)).report))
    assert set(document) == {"machine", "load", "rows"}
    assert all(set(row) == {"what", "who", "value", "unit", "ratio"} for row in document["rows"])
    assert {row["who"] for row in document["rows"]} == {OURS.name, MODELS.name, TUNED.name, LIMIT.name}


def test_ours_is_held_against_alpaca_py_per_cpu_second() -> None:
    row = next(row for row in measured(Plan(rounds=1)).report.rows if (row.what, row.who) == (CASE, OURS.name))
    assert (row.value, row.ratio) == (150_000, 4.0)


def test_each_round_measures_everything_once() -> None:
    found = measured(Plan(rounds=3)).figures
    assert {len(figure.values) for figure in found} == {3}


def test_p99_is_that_of_the_steady_load() -> None:
    target = next(target for target in measured(Plan(rounds=1)).targets if "p99" in target.text)
    assert (target.reached, target.seen) == (False, "40.0 ms")
