"""A plan: what a procedure would do to what it found.

Made without touching anything, and kept, so that a run can see whether the system is still the one it was planned for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from torghut.ops.errors import DriftError, RefusedError, UnavailableError
from torghut.ops.procedure import Basis, Case, Procedure, Request
from torghut.ops.redaction import Redactor
from torghut.ops.state import RunState
from torghut.ops.step import Step
from torghut.platform.files import PRIVATE, write_atomically


class PlannedStep(msgspec.Struct, frozen=True):
    """A step against the state that was found. `holds`: it would be skipped."""

    name: str
    does: str
    found: str
    holds: bool
    diff: tuple[str, ...]
    approval: str
    undo: str


class Plan(msgspec.Struct, frozen=True):
    """What would happen. `assumed` is what must still be so when it is run."""

    id: str
    procedure: str
    rollback: str
    options: dict[str, str]
    needs: tuple[str, ...]
    interruption: str
    notes: tuple[str, ...]
    assumed: dict[str, str]
    steps: tuple[PlannedStep, ...]

    @property
    def changes(self) -> bool:
        """Whether anything would be changed."""
        return any(not step.holds for step in self.steps)


def make_plan(run_id: str, procedure: Procedure, request: Request, redactor: Redactor) -> Plan:
    """Look, and say what a run would do.

    Raises:
        PreconditionError: it could not be run.
    """
    redactor.learn(request.secrets.values())
    basis = procedure.prepare(request)
    redactor.learn(basis.secrets.values())
    steps = procedure.steps(Case(run_id, request.options, basis.facts, basis.secrets))
    plan = Plan(
        id=run_id,
        procedure=procedure.name,
        rollback=procedure.rollback.value,
        options=dict(request.options),
        needs=basis.needs,
        interruption=basis.interruption,
        notes=basis.notes,
        assumed={name: basis.facts[name] for name in basis.assumed},
        steps=tuple(map(_planned, steps)),
    )
    return msgspec.json.decode(redactor.clean(msgspec.json.encode(plan).decode()), type=Plan)


def nothing_left(procedure: Procedure, run: RunState) -> Plan:
    """The plan for an id that was run before: the same id changes nothing any more."""
    stands = f"was {run.phase.value}" if run.phase.is_over else "is open"
    said = f"run {run.run_id} ({run.procedure}) {stands}: the same id again changes nothing; choose another"
    return Plan(
        id=run.run_id,
        procedure=procedure.name,
        rollback=procedure.rollback.value,
        options=dict(run.options),
        needs=(),
        interruption="none",
        notes=(said,),
        assumed={},
        steps=(),
    )


def _planned(step: Step) -> PlannedStep:
    try:
        seen = step.check()
        found, holds = seen.what, seen.holds
    except (UnavailableError, RefusedError) as error:
        found, holds = str(error), False
    undo = step.undo.does if step.undo else ("cannot be taken back" if step.act else "only looks")
    return PlannedStep(step.name, step.does, found, holds, () if holds else tuple(step.diff()), step.approval, undo)


def check_drift(plan: Plan, basis: Basis) -> None:
    """Compare what was found when the plan was made with what is found now.

    Raises:
        DriftError: it differs.
    """
    now: Mapping[str, str] = {name: basis.facts.get(name, "") for name in plan.assumed}
    changed = [f"{name} was {old}, is {now[name]}" for name, old in plan.assumed.items() if now[name] != old]
    if changed:
        raise DriftError(f"not as plan {plan.id} found it: {'; '.join(changed)}; nothing was changed, plan again")


class PlanBook:
    """The plans of a target, by id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, plan: Plan) -> None:
        """Remember it for its run."""
        write_atomically(self._directory / f"{plan.id}.json", msgspec.json.encode(plan), PRIVATE)

    def find(self, run_id: str) -> Plan | None:
        """The plan with this id."""
        try:
            return msgspec.json.decode((self._directory / f"{run_id}.json").read_bytes(), type=Plan)
        except FileNotFoundError:
            return None
