from __future__ import annotations

from pathlib import Path

import pytest

from torghut.console.errors import BadRequestError
from torghut.console.procedures import Procedures
from torghut.ops.journal import Journal
from torghut.ops.redaction import Redactor
from torghut.ops.state import Event, Note
from torghut.stack.home import Home
from torghut.targets.local.anchor import GitAnchor

NS = 1_000_000_000


def _write(home: Path, *notes: Note) -> Journal:
    journal = Journal(home / "journal" / "local.jsonl", Redactor())
    for note in notes:
        journal.append(note)
    return journal


def _note(event: Event, ts: int, step: str = "", what: str = "") -> Note:
    return Note("run-1", event, ts * NS, "me", step, what)


STARTED = _note(Event.STARTED, 1, what="alpaca-rotation")
ACTING = _note(Event.ACTING, 2, "seal", "the old key is in force")
VERIFIED = _note(Event.VERIFIED, 4, "seal", "the new key is in force")


def test_a_run_is_seen_while_it_goes_on(tmp_path: Path) -> None:
    procedures = Procedures(Home(tmp_path))
    before = procedures.mark()
    _write(tmp_path, STARTED, ACTING)
    (run,) = procedures.overview().runs
    assert (run.verdict, run.over, [step.outcome for step in run.steps]) == ("open", False, ["acting"])
    assert procedures.mark() != before


def test_the_evidence_of_a_run_is_its_notes_in_order_with_times_as_text(tmp_path: Path) -> None:
    _write(tmp_path, STARTED, ACTING, VERIFIED, _note(Event.FINISHED, 5))
    evidence = Procedures(Home(tmp_path)).run("local", "run-1")
    assert [moment.event for moment in evidence.moments] == ["started", "acting", "verified", "finished"]
    assert evidence.moments[1].at == "1970-01-01T00:00:02Z"
    assert (evidence.run.verdict, evidence.run.seconds) == ("ok", 4.0)


def test_a_changed_journal_is_a_problem_on_the_page_and_no_crash(tmp_path: Path) -> None:
    journal = _write(tmp_path, STARTED, ACTING)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join([lines[0].replace(b"alpaca", b"kafka"), lines[1]]))
    procedures = Procedures(Home(tmp_path))
    assert "was changed" in (procedures.overview().problem or "")
    assert not procedures.verify("local").ok
    with pytest.raises(BadRequestError, match="was changed"):
        procedures.run("local", "run-1")


def test_a_whole_journal_is_said_to_be_whole(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    journal = _write(tmp_path, STARTED, ACTING)
    GitAnchor(home).keep(journal.head(), "test")
    verification = Procedures(home).verify("local")
    assert verification.ok
    assert "2 lines" in verification.words


@pytest.mark.parametrize("target", ["kubernetes", "../secrets", "local/../x"])
def test_only_journals_that_are_there_can_be_asked_for(tmp_path: Path, target: str) -> None:
    _write(tmp_path, STARTED)
    with pytest.raises(BadRequestError, match="no journal of"):
        Procedures(Home(tmp_path)).run(target, "run-1")


def test_every_procedure_says_how_it_is_planned_and_run(tmp_path: Path) -> None:
    cards = Procedures(Home(tmp_path)).overview().procedures
    assert len(cards) == 8
    for card in cards:
        assert [command.split()[:4] for command in card.commands] == [
            ["torghut", "runbook", "plan", card.name],
            ["torghut", "runbook", "run", card.name],
        ]
        assert card.about
