"""What a drill is, and the document that a drill ends in (the contract's)."""

from __future__ import annotations

from typing import Protocol

import msgspec

from torghut.bench.machine import Machine
from torghut.drills.scene import Scene


class Drill(Protocol):
    """A condition, how it shows, what mends it, and how the stack is put back as it was."""

    @property
    def name(self) -> str:
        """The procedure that it drills."""
        ...

    @property
    def cause(self) -> str:
        """The condition."""
        ...

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """What is not the real component here, named."""
        ...

    def make(self, scene: Scene) -> None:
        """Create the condition."""
        ...

    def detected(self, scene: Scene) -> str | None:
        """What showed it, as an operator would see it; None: not yet. A planned procedure says why it is due."""
        ...

    def command(self, scene: Scene) -> tuple[str, ...]:
        """The procedure and its inputs: the arguments of `torghut runbook run`."""
        ...

    def judge(self, scene: Scene, code: int) -> str | None:
        """What is wrong after the procedure ended with `code`; None: nothing."""
        ...

    def restore(self, scene: Scene) -> None:
        """Put the stack back as it was found; called whatever happened, also when it never was broken."""
        ...


def title(of: Drill | DrillResult) -> str:
    """As it is named on the command line."""
    return f"{of.name}/{of.cause}"


class StepTime(msgspec.Struct, frozen=True):
    """A step of the procedure."""

    name: str
    outcome: str
    seconds: float


class DrillResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one drill went. Times in seconds since the condition was there; `why` says what is bad, if anything."""

    name: str
    cause: str
    verdict: str
    detected_s: float | None
    detected_by: str
    recovered_s: float | None
    max_gap_ms: float | None
    gap_of: str
    lost: int | None
    duplicated: int | None
    stand_ins: tuple[str, ...]
    steps: tuple[StepTime, ...]
    run: str
    why: str
    at: str = ""
    """When it was over: date and time, UTC."""

    @classmethod
    def unplayed(cls, name: str, cause: str, stand_ins: tuple[str, ...], why: str) -> DrillResult:
        """Of a drill that could not be played."""
        return cls(
            name=name,
            cause=cause,
            verdict="bad",
            detected_s=None,
            detected_by="",
            recovered_s=None,
            max_gap_ms=None,
            gap_of="",
            lost=None,
            duplicated=None,
            stand_ins=stand_ins,
            steps=(),
            run="",
            why=why,
        )


class DrillDocument(msgspec.Struct, frozen=True):
    """`torghut drill --json`."""

    target: str
    load: float
    drills: tuple[DrillResult, ...]
    machine: Machine | None = None

    @property
    def ok(self) -> bool:
        """Whether every drill was."""
        return all(result.verdict == "ok" for result in self.drills)
