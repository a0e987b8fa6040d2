"""The front door: plan, run, resume, roll back, abandon. Holds the lock, opens the journal, decides on going back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from torghut.ops.approval import Approver
from torghut.ops.errors import OpenRunError, PreconditionError, StepError, UnavailableError
from torghut.ops.execution import Execution, NotApprovedError, Timing
from torghut.ops.journal import Anchor, Journal
from torghut.ops.lock import Lock
from torghut.ops.plan import Plan, PlanBook, check_drift, make_plan, nothing_left
from torghut.ops.procedure import Basis, Case, Procedure, Request, Rollback
from torghut.ops.redaction import Redactor
from torghut.ops.report import RunReport
from torghut.ops.state import Event, Note, Phase, RunState, runs, start_note
from torghut.ops.vault import Vault
from torghut.ops.witness import NoWitness, Witness
from torghut.platform.files import write_atomically

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class Records:
    """Where the runs of one target are kept."""

    journal: Journal
    anchor: Anchor
    vault: Vault
    plans: PlanBook
    reports: Path
    lock: Lock
    redactor: Redactor


@dataclass(frozen=True)
class Outcome:
    """How a run stands when a command ends. `ok`: it is over, verified, and no record was lost or doubled."""

    run_id: str
    procedure: str
    phase: Phase
    ok: bool
    what: str
    waits: bool = False
    """It stopped where nothing is half done, and goes on with a yes or a `resume`."""


@dataclass(frozen=True)
class Runner:
    """Runs procedures on one target, on behalf of `who`. `watch` is told every note after it is written."""

    records: Records
    procedures: Mapping[str, Procedure]
    approver: Approver
    who: str
    witness: Witness = field(default_factory=NoWitness)
    timing: Timing = field(default_factory=Timing)
    watch: Callable[[Note], None] = lambda _: None

    def plan(self, name: str, request: Request, run_id: str) -> Plan:
        """What a run would do; kept, so that a run with the same id sees what has changed since.

        Raises:
            PreconditionError: it could not be run, or the id is none.
        """
        procedure = self._procedure(name)
        _check_id(run_id)
        if (known := self._runs().get(run_id)) is not None:
            return nothing_left(procedure, known)
        plan = make_plan(run_id, procedure, request, self.records.redactor)
        self.records.plans.keep(plan)
        return plan

    def run(self, name: str, request: Request, run_id: str) -> Outcome:
        """Run it. The same `run_id` again changes nothing and tells how that run stands.

        Raises:
            PreconditionError: it cannot be run; nothing was changed.
        """
        _check_id(run_id)
        with self._held(f"run {run_id} ({name})"):
            known = self._runs()
            if run_id in known:
                return self._again(known[run_id], name, request)
            self._refuse_if_open(known)
            return self._drive(self._start(self._procedure(name), request, run_id))

    def resume(self, run_id: str) -> Outcome:
        """Continue an open run from where it is, forwards or backwards.

        Raises:
            PreconditionError: there is no such run, or it is over.
        """
        with self._held(f"resume {run_id}"):
            execution = self._reopen(run_id)
            execution.note(Event.RESUMED)
            return self._drive(execution)

    def roll_back(self, run_id: str) -> Outcome:
        """Take an open run back.

        Raises:
            PreconditionError: there is no such run, it is over, or it did what cannot be taken back.
        """
        with self._held(f"roll back {run_id}"):
            execution = self._reopen(run_id)
            if execution.state.phase is Phase.FORWARD:
                if lost := execution.irrevocable():
                    raise PreconditionError(f"{', '.join(lost)} cannot be taken back: resume {run_id} instead")
                execution.note(Event.ROLLING_BACK, what="asked for")
            return self._drive(execution)

    def abandon(self, run_id: str) -> Outcome:
        """Close an open run as it is; its secrets are burnt.

        Raises:
            PreconditionError: there is no such run, or it is over.
        """
        with self._held(f"abandon {run_id}"):
            state = self._open(run_id)
            what = f"abandoned by {self.who} as it is: nothing was verified"
            note = Note(run_id, Event.ABANDONED, self.timing.now_ns(), self.who, what=what)
            self._append(note)
            state.take(note)
            self._close(state)
            return _outcome(state, what)

    def history(self) -> tuple[RunState, ...]:
        """Every run, the oldest first.

        Raises:
            JournalError: the journal was changed.
        """
        return tuple(self._runs().values())

    # Opening

    def _procedure(self, name: str) -> Procedure:
        if name not in self.procedures:
            raise PreconditionError(f"there is no procedure {name!r}: wanted one of {', '.join(self.procedures)}")
        return self.procedures[name]

    @contextmanager
    def _held(self, what: str) -> Iterator[None]:
        with self.records.lock.held(f"{what}, by {self.who}"):
            self.records.journal.verify(self.records.anchor)
            self._settle()
            yield

    def _settle(self) -> None:
        """What a killed predecessor did not come to: its anchor, and burning what is not needed any more."""
        self._anchor("after an interruption")
        self.records.vault.keep_only({run.run_id for run in self._runs().values() if not run.phase.is_over})

    def _runs(self) -> dict[str, RunState]:
        return runs(self.records.journal.notes())

    def _refuse_if_open(self, known: Mapping[str, RunState]) -> None:
        for run in known.values():
            if not run.phase.is_over:
                raise OpenRunError(
                    f"run {run.run_id} ({run.procedure}) is not over ({run.why or run.phase.value}): resume it, or take"
                    " it back with `resume --roll-back`, or close it with `resume --abandon`"
                )

    def _again(self, state: RunState, name: str, request: Request) -> Outcome:
        if (state.procedure, dict(state.options)) != (name, dict(request.options)):
            raise PreconditionError(f"--id {state.run_id} was another request ({state.procedure}): choose another id")
        said = "was done before: nothing to do" if state.phase.is_over else f"is open: resume {state.run_id}"
        return _outcome(state, said)

    def _start(self, procedure: Procedure, request: Request, run_id: str) -> Execution:
        records = self.records
        records.redactor.learn(request.secrets.values())
        basis = procedure.prepare(request)
        if (plan := records.plans.find(run_id)) is not None:
            check_drift(plan, basis)
        records.redactor.learn(basis.secrets.values())
        _refuse_told_secrets(basis, records.redactor)
        records.vault.seal(run_id, basis.secrets)
        note = start_note(run_id, procedure.name, request.options, basis.facts, self.who)
        self._append(Note(note.run, note.event, self.timing.now_ns(), note.who, what=note.what, facts=note.facts))
        self._anchor(f"{procedure.name} started: {run_id}")
        return self._reopen(run_id)

    def _open(self, run_id: str) -> RunState:
        state = self._runs().get(run_id)
        if state is None:
            raise PreconditionError(f"there is no run {run_id}: see `torghut runbook history`")
        if state.phase.is_over:
            raise PreconditionError(f"run {run_id} is over ({state.phase.value}): nothing to do")
        return state

    def _reopen(self, run_id: str) -> Execution:
        state = self._open(run_id)
        secrets = self.records.vault.open(run_id)
        self.records.redactor.learn(secrets.values())
        case = Case(run_id, state.options, state.facts, secrets)
        steps = self._procedure(state.procedure).steps(case)
        return Execution(state, steps, case, self._append, self.approver, self.who, self.timing)

    def _append(self, note: Note) -> None:
        self.records.journal.append(note)
        self.watch(note)

    # Driving

    def _drive(self, execution: Execution) -> Outcome:
        state = execution.state
        if state.phase is Phase.FORWARD:
            try:
                execution.forward()
            except NotApprovedError as error:
                return _outcome(state, f"stopped before: {error}", waits=True)
            except StepError as error:
                if not self._turn_back(execution, error):
                    return _outcome(state, str(error))
        if state.phase is Phase.BACKWARD:
            try:
                execution.backward()
            except StepError as error:
                return _outcome(state, f"could not be taken back: {error}; resume it")
        return self._finish(execution)

    def _turn_back(self, execution: Execution, error: StepError) -> bool:
        """Decide by the procedure's policy, and note it."""
        policy = self._procedure(execution.state.procedure).rollback
        if policy is Rollback.NEVER or execution.irrevocable():
            return False
        if policy is Rollback.ASK and not self.approver.approves(f"{error}. Take back what was done?"):
            return False
        execution.note(Event.ROLLING_BACK, what=str(error))
        return True

    def _finish(self, execution: Execution) -> Outcome:
        state = execution.state
        try:
            testimony = self.witness.testify(state.started_ns)
        except UnavailableError as error:
            execution.note(Event.STOPPED, what=f"the audit could not be made: {error}")
            return _outcome(state, f"everything is in place, but the audit could not be made: {error}; resume it")
        verdict = {"verdict": "ok" if testimony.ok else "bad"}
        execution.note(Event.AUDITED, what=testimony.what, facts=verdict, figures=testimony.figures)
        undone = state.phase is Phase.BACKWARD
        execution.note(Event.ROLLED_BACK if undone else Event.FINISHED)
        self._close(state)
        return _outcome(state, f"rolled back: {state.why}" if undone else testimony.what)

    def _close(self, state: RunState) -> None:
        self._anchor(f"{state.procedure} {state.phase.value}: {state.run_id}")
        report = RunReport.of(self._runs()[state.run_id])
        write_atomically(self.records.reports / f"{state.run_id}.json", msgspec.json.encode(report))
        write_atomically(self.records.reports / f"{state.run_id}.md", report.markdown().encode())
        self.records.vault.burn(state.run_id)

    def _anchor(self, what: str) -> None:
        head = self.records.journal.head()
        if head.lines and head not in self.records.anchor.heads()[-1:]:
            self.records.anchor.keep(head, what)


def _check_id(run_id: str) -> None:
    """An id names files, tokens of effects and commits."""
    if not _ID.fullmatch(run_id):
        raise PreconditionError(
            f"--id {run_id!r}: wanted 1 to 80 letters, digits, `.`, `_` or `-`, a letter or digit first"
        )


def _refuse_told_secrets(basis: Basis, redactor: Redactor) -> None:
    """A fact that holds a secret would reach the journal redacted, and the steps with it."""
    told = [name for name, value in basis.facts.items() if redactor.clean(value) != value]
    if told:
        raise PreconditionError(f"{', '.join(told)}: a fact holds what is sealed as a secret; nothing was changed")


def _outcome(state: RunState, what: str, *, waits: bool = False) -> Outcome:
    ok = state.phase is Phase.DONE and state.audited is not False
    return Outcome(state.run_id, state.procedure, state.phase, ok, what, waits)
