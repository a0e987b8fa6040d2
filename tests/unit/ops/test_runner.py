from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.ops.world import Desk, Example, Piece, World, Yes

from torghut.ops import witness
from torghut.ops.errors import DriftError, HeldError, JournalError, OpenRunError, PreconditionError
from torghut.ops.procedure import Basis, Request, Rollback
from torghut.ops.report import RunReport
from torghut.ops.state import Event, Phase

TWO = (Piece("first"), Piece("second"))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_run_does_every_step_once_and_ends_done(desk: Desk, world: World) -> None:
    outcome = desk.runner(Example(world, TWO)).run("example", Request(), "r")
    assert outcome.ok
    assert world.effects == ["r/first", "r/second"]


def test_the_same_id_again_changes_nothing_and_looks_at_nothing(desk: Desk, world: World) -> None:
    example = Example(world, TWO)
    desk.runner(example).run("example", Request(), "r")
    lines = desk.journal().head().lines
    again = desk.runner(example).run("example", Request(), "r")
    assert (again.ok, world.effects, example.prepared) == (True, ["r/first", "r/second"], 1)
    assert desk.journal().head().lines == lines


def test_the_same_id_for_another_request_is_refused(desk: Desk, world: World) -> None:
    desk.runner(Example(world, TWO)).run("example", Request(), "r")
    with pytest.raises(PreconditionError, match="was another request"):
        desk.runner(Example(world, TWO)).run("example", Request({"ca": "yes"}), "r")


@pytest.mark.parametrize("run_id", ["", "../elsewhere", "a/b", ".hidden", "a b", "a\n", "ä", "x" * 81])
def test_an_id_that_could_not_name_a_file_is_refused(desk: Desk, world: World, run_id: str) -> None:
    runner = desk.runner(Example(world, TWO))
    for command in (runner.plan, runner.run):
        with pytest.raises(PreconditionError, match="--id"):
            command("example", Request(), run_id)
    assert world.effects == []


def test_a_plan_changes_nothing_and_says_what_would(desk: Desk, world: World) -> None:
    plan = desk.runner(Example(world, TWO)).plan("example", Request(), "r")
    assert plan.changes
    assert [step.holds for step in plan.steps] == [False, False]
    assert (world.effects, desk.journal().head().lines) == ([], 0)


def test_a_plan_after_the_run_with_the_same_marks_shows_nothing_to_change(desk: Desk, world: World) -> None:
    desk.runner(Example(world, TWO)).run("example", Request(), "r")
    world.effects = ["s/first", "s/second"]
    assert not desk.runner(Example(world, TWO)).plan("example", Request(), "s").changes


def test_a_plan_with_the_id_of_a_run_that_was_done_has_nothing_left(desk: Desk, world: World) -> None:
    example = Example(world, TWO)
    desk.runner(example).run("example", Request(), "r")
    plan = desk.runner(example).plan("example", Request(), "r")
    assert (plan.changes, plan.steps, example.prepared) == (False, (), 1)
    assert "was done: the same id again changes nothing" in plan.notes[0]


def test_what_changed_between_plan_and_run_is_drift(desk: Desk, world: World) -> None:
    example = Example(world, TWO, basis=Basis(facts={"old": "a"}, assumed=("old",)))
    desk.runner(example).plan("example", Request(), "r")
    example.basis = Basis(facts={"old": "b"}, assumed=("old",))
    with pytest.raises(DriftError, match="old was a, is b"):
        desk.runner(example).run("example", Request(), "r")
    assert world.effects == []


def test_a_failed_step_takes_everything_back_in_reverse(desk: Desk, world: World) -> None:
    world.fruitless.add("second")
    outcome = desk.runner(Example(world, TWO)).run("example", Request(), "r")
    assert (outcome.phase, outcome.ok, world.effects) == (Phase.UNDONE, False, [])
    undone = [note.step for note in desk.journal().notes() if note.event is Event.UNDONE]
    assert undone == ["second", "first"]


def test_a_procedure_that_never_rolls_back_stays_open_and_goes_on(desk: Desk, world: World) -> None:
    world.fruitless.add("second")
    example = Example(world, TWO, Rollback.NEVER)
    outcome = desk.runner(example).run("example", Request(), "r")
    assert (outcome.phase, outcome.ok) == (Phase.FORWARD, False)
    world.fruitless.clear()
    assert desk.runner(example).resume("r").ok
    assert world.effects == ["r/first", "r/second"]


def test_after_what_cannot_be_taken_back_it_only_goes_forward(desk: Desk, world: World) -> None:
    world.fruitless.add("second")
    example = Example(world, (Piece("first", revocable=False), Piece("second")))
    assert desk.runner(example).run("example", Request(), "r").phase is Phase.FORWARD
    with pytest.raises(PreconditionError, match="first cannot be taken back"):
        desk.runner(example).roll_back("r")
    assert world.effects == ["r/first", "r/second"]


def test_always_ask_asks_before_it_turns_back(desk: Desk, world: World) -> None:
    world.fruitless.add("second")
    no = Yes(yes=False)
    desk.runner(Example(world, TWO, Rollback.ASK), approver=no).run("example", Request(), "r")
    assert "Take back what was done?" in no.asked[0]
    assert world.effects == ["r/first", "r/second"]


def test_without_approval_it_stops_before_the_step_and_resumes_with_it(desk: Desk, world: World) -> None:
    example = Example(world, (Piece("first"), Piece("delete", revocable=False, approval="the old user is lost")))
    outcome = desk.runner(example, approver=Yes(yes=False)).run("example", Request(), "r")
    assert (outcome.waits, world.effects) == (True, ["r/first"])
    assert desk.runner(example).resume("r").ok


def test_an_open_run_blocks_the_next_until_it_is_abandoned(desk: Desk, world: World) -> None:
    world.fruitless.add("second")
    example = Example(world, TWO, Rollback.NEVER)
    desk.runner(example).run("example", Request(), "r")
    with pytest.raises(OpenRunError, match="run r"):
        desk.runner(example).run("example", Request(), "s")
    assert desk.runner(example).abandon("r").phase is Phase.ABANDONED
    assert list(desk.sealed()) == []
    world.fruitless.clear()
    assert desk.runner(example).run("example", Request(), "s").ok


def test_two_at_once_the_second_is_refused_and_says_who_holds_the_lock(desk: Desk, world: World) -> None:
    runner = desk.runner(Example(world, TWO))
    with runner.records.lock.held("run x, by somebody"), pytest.raises(HeldError, match="run x, by somebody"):
        desk.runner(Example(world, TWO)).run("example", Request(), "r")


def test_a_dead_holder_does_not_keep_the_lock(desk: Desk, world: World) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from torghut.ops.lock import FileLock\n"
        "with FileLock(Path(sys.argv[1])).held('x'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(desk.directory / "lock")], check=False)
    assert desk.runner(Example(world, TWO)).run("example", Request(), "r").ok


def test_secrets_are_sealed_while_a_run_is_open_and_gone_after(desk: Desk, world: World) -> None:
    world.fruitless.add("second")
    example = Example(world, TWO, Rollback.NEVER)
    desk.runner(example).run("example", Request(), "r")
    (sealed,) = desk.sealed()
    assert sealed.stat().st_mode & 0o777 == 0o600
    world.fruitless.clear()
    desk.runner(example).resume("r")
    assert list(desk.sealed()) == []


def test_a_run_that_lost_a_record_has_failed(desk: Desk, world: World) -> None:
    class Lossy:
        def testify(self, since_ns: int) -> witness.Testimony:
            assert since_ns > 0
            return witness.Testimony(ok=False, what="lost 1", figures={"lost": 1.0})

    outcome = desk.runner(Example(world, TWO), witness=Lossy()).run("example", Request(), "r")
    assert (outcome.phase, outcome.ok) == (Phase.DONE, False)


def test_nothing_is_built_on_a_journal_that_was_changed(desk: Desk, world: World) -> None:
    desk.runner(Example(world, TWO)).run("example", Request(), "r")
    journal = desk.directory / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"somebody", b"nobody", 1))
    with pytest.raises(JournalError):
        desk.runner(Example(world, TWO)).run("example", Request(), "s")


def test_the_report_has_every_step_and_is_kept(desk: Desk, world: World) -> None:
    runner = desk.runner(Example(world, TWO))
    runner.run("example", Request(), "r")
    report = RunReport.of(runner.history()[0])
    assert ([step.name for step in report.steps], report.verdict) == (["first", "second"], "ok")
    assert sorted(path.name for path in (desk.directory / "reports").iterdir()) == ["r.json", "r.md"]


def test_a_fact_that_holds_a_secret_is_refused_before_anything_happens(desk: Desk, world: World) -> None:
    example = Example(world, TWO, basis=Basis(facts={"user": "torghut-2"}, secrets={"old": "torghut"}))
    with pytest.raises(PreconditionError, match="user: a fact holds what is sealed"):
        desk.runner(example).run("example", Request(), "r")
    assert (world.effects, list(desk.sealed())) == ([], [])
