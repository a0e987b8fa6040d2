"""The report of a run, made from its notes alone: how it ended, what each step took, what the audit counted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from torghut.ops.state import Event, Note, RunState

_NS: Final = 1_000_000_000


class StepReport(msgspec.Struct, frozen=True):
    """One step: how it stands, how long it took, and what was seen before and after."""

    name: str
    outcome: str
    seconds: float
    before: str
    after: str


class RunReport(msgspec.Struct, frozen=True):
    """One run. `verdict` is ok only for a run that is over, in the new state, without loss."""

    id: str
    procedure: str
    verdict: str
    phase: str
    who: str
    started_ns: int
    seconds: float
    why: str
    audit: str
    figures: dict[str, float]
    facts: dict[str, str]
    steps: tuple[StepReport, ...]

    @classmethod
    def of(cls, run: RunState) -> RunReport:
        """The report of a run as it stands."""
        audit = next((note for note in reversed(run.notes) if note.event is Event.AUDITED), None)
        return cls(
            id=run.run_id,
            procedure=run.procedure,
            verdict="ok" if run.phase.value == "done" and run.audited is not False else "bad",
            phase=run.phase.value,
            who=run.who,
            started_ns=run.started_ns,
            seconds=(run.notes[-1].ts - run.started_ns) / _NS,
            why=run.why,
            audit=audit.what if audit else "not made",
            figures=dict(audit.figures) if audit else {},
            facts=run.facts,
            steps=tuple(_step(run, name) for name in run.steps),
        )

    def markdown(self) -> str:
        """For people."""
        begun = datetime.fromtimestamp(self.started_ns / _NS, UTC).isoformat(timespec="seconds")
        rows = "\n".join(f"| {s.name} | {s.outcome} | {s.seconds:.1f} | {_cell(s.after)} |" for s in self.steps)
        why = f"\nStopped or turned back because: {self.why}\n" if self.why else ""
        return (
            f"# {self.procedure}: {self.phase}, {self.verdict}\n"
            f"Run `{self.id}`, begun {begun} by {self.who}, {self.seconds:.1f} s.\n{why}\n"
            f"{self.audit}.\n\n| step | outcome | s | seen |\n|---|---|---|---|\n{rows}\n"
        )


def _step(run: RunState, name: str) -> StepReport:
    notes = [note for note in run.notes if note.step == name]
    return StepReport(
        name=name,
        outcome=run.step(name).value,
        seconds=sum(note.figures.get("seconds", 0.0) for note in notes),
        before=_what(notes, Event.ACTING),
        after=_what(notes, Event.VERIFIED, Event.SKIPPED, Event.UNDONE),
    )


def _what(notes: list[Note], *events: Event) -> str:
    return next((note.what for note in reversed(notes) if note.event in events), "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
