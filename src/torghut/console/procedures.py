"""The procedures and what they did, as the page shows them: read from the catalogue and the journals, never written."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from torghut.console.errors import BadRequestError
from torghut.ops.errors import JournalError, OpsError
from torghut.ops.journal import Journal
from torghut.ops.procedure import Procedure
from torghut.ops.redaction import Redactor
from torghut.ops.report import RunReport, StepReport
from torghut.ops.state import Note, RunState, runs
from torghut.platform.errors import PlatformError
from torghut.runbooks.catalogue import procedures
from torghut.stack.home import Home
from torghut.targets.local.anchor import GitAnchor
from torghut.targets.local.target import journal_directory, ports
from torghut.wire.times import format_rfc3339

_LOCAL: Final = "local"
_RUNS_SHOWN: Final = 100
_SOURCE_WIDTH: Final = 115


class Card(msgspec.Struct, frozen=True):
    """One procedure: what it is for in a sentence and in full, and the commands that plan and run it."""

    name: str
    title: str
    about: str
    rollback: str
    commands: tuple[str, ...]


class RunCard(msgspec.Struct, frozen=True):
    """One run in the list. `started` is RFC 3339; `over` says that nothing is left to do."""

    target: str
    id: str
    procedure: str
    phase: str
    verdict: str
    over: bool
    started: str
    seconds: float
    steps: tuple[StepReport, ...]
    why: str


class Overview(msgspec.Struct, frozen=True):
    """Everything on the procedures page; `problem` says why a journal cannot be read."""

    procedures: list[Card]
    runs: list[RunCard]
    targets: list[str]
    problem: str | None


class Moment(msgspec.Struct, frozen=True):
    """One note of the journal."""

    at: str
    event: str
    step: str
    what: str
    seconds: float | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One run in full."""

    run: RunCard
    who: str
    audit: str
    figures: dict[str, float]
    facts: dict[str, str]
    moments: list[Moment]


class Verification(msgspec.Struct, frozen=True):
    """Whether a journal is whole."""

    target: str
    ok: bool
    words: str


class Procedures:
    """Those of the local target, and the journals of every target that has one in this home. Blocking."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._directory = journal_directory(home)
        self._read_at = ""
        self._read: list[RunCard] = []

    def mark(self) -> str:
        """Another text whenever a journal has grown; cheap."""
        return " ".join(f"{path.stem}:{path.stat().st_size}" for path in self._paths())

    def newest(self) -> list[RunCard]:
        """Every run of every journal that can be read; read again only when a journal has grown."""
        mark = self.mark()
        if mark != self._read_at:
            self._read_at, self._read = mark, self._runs()[0]
        return self._read

    def _runs(self) -> tuple[list[RunCard], list[str]]:
        """All runs, the newest first, and why journals could not be read."""
        found: list[RunCard] = []
        problems: list[str] = []
        for path in self._paths():
            try:
                found += [_card(path.stem, state) for state in self._states(path).values()]
            except JournalError as error:
                problems.append(str(error))
        found.sort(key=lambda run: run.started, reverse=True)
        return found, problems

    def overview(self) -> Overview:
        """The catalogue, and the newest hundred runs."""
        found, problems = self._runs()
        cards = [_procedure_card(procedure) for procedure in procedures(ports(self._home)).values()]
        targets = [path.stem for path in self._paths()]
        return Overview(cards, found[:_RUNS_SHOWN], targets, "; ".join(problems) or None)

    def run(self, target: str, run_id: str) -> Evidence:
        """One run.

        Raises:
            BadRequestError: there is no such target or run, or its journal cannot be read.
        """
        try:
            state = self._states(self._path(target)).get(run_id)
        except JournalError as error:
            raise BadRequestError(str(error)) from error
        if state is None:
            raise BadRequestError(f"no run {run_id[:64]!r} in the journal of {target}")
        report = RunReport.of(state)
        return Evidence(
            run=_card(target, state),
            who=report.who,
            audit=report.audit,
            figures=report.figures,
            facts=report.facts,
            moments=[_moment(note) for note in state.notes],
        )

    def verify(self, target: str) -> Verification:
        """Check the whole journal; the local one also against the heads kept in Git.

        Raises:
            BadRequestError: there is no such target.
        """
        journal = _journal(self._path(target))
        try:
            head = journal.verify(GitAnchor(self._home)) if target == _LOCAL else journal.head()
        except (OpsError, PlatformError) as error:
            return Verification(target, False, str(error))
        against = "itself and the heads in Git" if target == _LOCAL else "itself"
        words = f"whole: {head.lines} lines checked against {against}, head {head.sha256[:12]}"
        return Verification(target, True, words)

    def _paths(self) -> list[Path]:
        return sorted(self._directory.glob("*.jsonl"))

    def _path(self, target: str) -> Path:
        """Only names that are there: what a browser sends never becomes part of a path."""
        for path in self._paths():
            if path.stem == target:
                return path
        raise BadRequestError(f"no journal of {target[:32]!r}: nothing was run there yet")

    def _states(self, path: Path) -> dict[str, RunState]:
        return runs(_journal(path).notes())


def _journal(path: Path) -> Journal:
    return Journal(path, Redactor())


def _card(target: str, state: RunState) -> RunCard:
    report = RunReport.of(state)
    return RunCard(
        target=target,
        id=report.id,
        procedure=report.procedure,
        phase=report.phase,
        verdict=report.verdict if state.phase.is_over else "open",
        over=state.phase.is_over,
        started=format_rfc3339(report.started_ns),
        seconds=round(report.seconds, 1),
        steps=report.steps,
        why=report.why,
    )


def _moment(note: Note) -> Moment:
    return Moment(format_rfc3339(note.ts), note.event.value, note.step, note.what, note.figures.get("seconds"))


def _procedure_card(procedure: Procedure) -> Card:
    about = _unwrapped((sys.modules[type(procedure).__module__].__doc__ or "").partition("\n")[2].strip())
    run = f"torghut runbook run {procedure.name}"
    secrets = "".join(f" --secret {wanted.name}=FILE" for wanted in procedure.inputs if wanted.secret)
    return Card(
        name=procedure.name,
        title=procedure.title,
        about=about,
        rollback=procedure.rollback.value,
        commands=(f"torghut runbook plan {procedure.name}{secrets}", f"{run}{secrets}"),
    )


def _unwrapped(text: str) -> str:
    """Text without the line breaks that only its source needed: those before a word that did not fit any more."""
    lines = text.splitlines()
    kept = lines[:1]
    for before, line in pairwise(lines):
        word = line.partition(" ")[0]
        if word and len(before) + 1 + len(word) > _SOURCE_WIDTH:
            kept[-1] += f" {line}"
        else:
            kept.append(line)
    return "\n".join(kept)
