r"""The states of a run and of its steps, folded from the journal. The only place that says what may follow what.

Run:   (none) -> FORWARD -> DONE
                   |  \-> ABANDONED
                   v
                BACKWARD -> UNDONE
Step:  PENDING -> SKIPPED                     (it was so already)
       PENDING -> ACTING -> DONE              (act, then verified)
       ACTING | DONE -> UNDOING -> UNDONE     (backwards, last step first)
A run that is neither DONE, UNDONE nor ABANDONED is open: `resume` continues it from here, whoever it was that stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class Event(StrEnum):
    """What a journal line notes."""

    STARTED = "started"
    RESUMED = "resumed"
    SKIPPED = "skipped"
    APPROVED = "approved"
    ACTING = "acting"
    VERIFIED = "verified"
    FAILED = "failed"
    STOPPED = "stopped"
    ROLLING_BACK = "rolling back"
    UNDOING = "undoing"
    UNDONE = "undone"
    AUDITED = "audited"
    FINISHED = "finished"
    ROLLED_BACK = "rolled back"
    ABANDONED = "abandoned"


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """One transition: which run, what, when (ns since the epoch), by whom, and what was seen."""

    run: str
    event: Event
    ts: int
    who: str
    step: str = ""
    what: str = ""
    facts: dict[str, str] = {}
    figures: dict[str, float] = {}


class Phase(StrEnum):
    """Where a run is."""

    FORWARD = "forward"
    BACKWARD = "backward"
    DONE = "done"
    UNDONE = "rolled back"
    ABANDONED = "abandoned"

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self not in {Phase.FORWARD, Phase.BACKWARD}


class StepPhase(StrEnum):
    """Where a step is."""

    PENDING = "pending"
    SKIPPED = "skipped"
    ACTING = "acting"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"

    @property
    def is_touched(self) -> bool:
        """Whether something of it may be there."""
        return self in {StepPhase.ACTING, StepPhase.DONE, StepPhase.UNDOING}


_AFTER = {
    Event.SKIPPED: StepPhase.SKIPPED,
    Event.ACTING: StepPhase.ACTING,
    Event.VERIFIED: StepPhase.DONE,
    Event.UNDOING: StepPhase.UNDOING,
    Event.UNDONE: StepPhase.UNDONE,
}
_PHASES = {
    Event.STARTED: Phase.FORWARD,
    Event.ROLLING_BACK: Phase.BACKWARD,
    Event.FINISHED: Phase.DONE,
    Event.ROLLED_BACK: Phase.UNDONE,
    Event.ABANDONED: Phase.ABANDONED,
}


@dataclass
class RunState:
    """One run as its notes tell it."""

    run_id: str
    procedure: str
    options: Mapping[str, str]
    started_ns: int
    who: str
    phase: Phase = Phase.FORWARD
    facts: dict[str, str] = field(default_factory=dict)
    steps: dict[str, StepPhase] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    why: str = ""
    """Why it stopped or was rolled back, if it did."""
    audited: bool | None = None
    """The verdict of the audit, None while there was none."""
    notes: list[Note] = field(default_factory=list)

    def step(self, name: str) -> StepPhase:
        """Where a step is."""
        return self.steps.get(name, StepPhase.PENDING)

    def take(self, note: Note) -> None:
        """The state after one more note."""
        self.notes.append(note)
        self.phase = _PHASES.get(note.event, self.phase)
        if note.event in _AFTER:
            self.steps[note.step] = _AFTER[note.event]
        if note.event in {Event.SKIPPED, Event.VERIFIED}:
            self.facts |= note.facts
        if note.event is Event.APPROVED:
            self.approved.add(note.step)
        if note.event in {Event.FAILED, Event.STOPPED, Event.ROLLING_BACK, Event.ABANDONED}:
            self.why = note.what
        if note.event is Event.AUDITED:
            self.audited = note.facts.get("verdict") == "ok"


OPTION = "option."
"""Before the name of an option among the facts of a start."""


def start_note(run_id: str, procedure: str, options: Mapping[str, str], facts: Mapping[str, str], who: str) -> Note:
    """The first note of a run, whose time is set when it is written."""
    given = {f"{OPTION}{name}": value for name, value in options.items()}
    return Note(run_id, Event.STARTED, 0, who, what=procedure, facts={**facts, **given})


def runs(notes: Iterable[Note]) -> dict[str, RunState]:
    """Every run by its id, the oldest first."""
    found: dict[str, RunState] = {}
    for note in notes:
        if note.event is Event.STARTED:
            found[note.run] = RunState(
                run_id=note.run,
                procedure=note.what,
                options={n.removeprefix(OPTION): v for n, v in note.facts.items() if n.startswith(OPTION)},
                started_ns=note.ts,
                who=note.who,
                facts={n: v for n, v in note.facts.items() if not n.startswith(OPTION)},
            )
        found[note.run].take(note)
    return found
