"""A world that procedures change, whose power can be cut at any moment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from torghut.ops.approval import Approver
from torghut.ops.errors import UnavailableError
from torghut.ops.execution import Timing
from torghut.ops.journal import Head, Journal
from torghut.ops.lock import FileLock
from torghut.ops.plan import PlanBook
from torghut.ops.procedure import Basis, Case, Input, Procedure, Request, Rollback
from torghut.ops.redaction import Redactor
from torghut.ops.runner import Records, Runner
from torghut.ops.step import Seen, Step, Undo
from torghut.ops.vault import Vault
from torghut.ops.witness import NoWitness, Witness


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """Blows after so many sparks; None never does."""

    left: int | None = None

    def spark(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            raise Killed


@dataclass
class Clock:
    """Time that passes only by waiting, and a little with every look."""

    s: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.s += seconds

    def timing(self) -> Timing:
        return Timing(lambda: int(self.s * 1e9) + 1, lambda: self.s, self.sleep)


@dataclass(frozen=True)
class Piece:
    """One step of a procedure of the test: what it leaves in the world is its name."""

    name: str
    revocable: bool = True
    approval: str = ""


@dataclass
class World:
    """`effects` are what acts left, in order; acting twice shows, and so does undoing what is not there."""

    fuse: Fuse = field(default_factory=Fuse)
    effects: list[str] = field(default_factory=list)
    sick: set[str] = field(default_factory=set)
    silent: int = 0
    """So many acts happen without an answer."""
    fruitless: set[str] = field(default_factory=set)
    """Steps whose act works and whose verification never holds."""

    def step(self, piece: Piece, case: Case) -> Step:
        mark = case.token(piece.name)

        def check() -> Seen:
            self.fuse.spark()
            return Seen(mark in self.effects, f"{mark} in {len(self.effects)}", {piece.name: "there"})

        def verify() -> Seen:
            return Seen(piece.name not in self.fruitless and check().holds, "verified?", {piece.name: "there"})

        def act() -> None:
            if piece.name in self.sick:
                raise UnavailableError(f"{piece.name} does not answer")
            self.fuse.spark()
            self.effects.append(mark)
            self.fuse.spark()
            if self.silent > 0:
                self.silent -= 1
                raise UnavailableError("no answer")

        def undo() -> None:
            self.fuse.spark()
            self.effects.remove(mark)
            self.fuse.spark()

        gone = Undo("remove it", lambda: Seen(mark not in self.effects, "gone?"), undo, 5)
        return Step(
            piece.name,
            f"make {piece.name}",
            check,
            act,
            verify,
            gone if piece.revocable else None,
            5,
            piece.approval,
        )


@dataclass
class Example:
    """A procedure of these pieces."""

    world: World
    pieces: Sequence[Piece]
    rollback: Rollback = Rollback.ON_FAILURE
    name: str = "example"
    title: str = "an example"
    inputs: tuple[Input, ...] = ()
    basis: Basis = field(default_factory=lambda: Basis(secrets={"new": "hunter2-new"}))
    prepared: int = 0

    def prepare(self, request: Request) -> Basis:  # noqa: ARG002 - the protocol's
        self.prepared += 1
        return self.basis

    def steps(self, case: Case) -> tuple[Step, ...]:
        return tuple(self.world.step(piece, case) for piece in self.pieces)


class Heads:
    """Heads in a list: what Git is for the stack."""

    def __init__(self) -> None:
        self.kept: list[Head] = []

    def heads(self) -> tuple[Head, ...]:
        return tuple(self.kept)

    def keep(self, head: Head, what: str) -> None:  # noqa: ARG002 - the protocol's
        self.kept.append(head)


@dataclass
class Yes:
    """Says yes or no, and remembers what it was asked."""

    yes: bool = True
    asked: list[str] = field(default_factory=list)

    def approves(self, question: str) -> bool:
        self.asked.append(question)
        return self.yes


class Desk:
    """Everything a runner needs, in one directory; `runner()` is a new process each time."""

    def __init__(self, directory: Path, fuse: Fuse | None = None, rng: Random | None = None) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.fuse = fuse or Fuse()
        self.rng = rng or Random(0)
        self.anchor = Heads()
        self.clock = Clock()

    def journal(self, redactor: Redactor | None = None) -> Journal:
        return Journal(self.directory / "journal.jsonl", redactor or Redactor(), self._write)

    def _write(self, descriptor: int, content: bytes) -> int:
        self.fuse.spark()
        try:
            self.fuse.spark()
        except Killed:
            os.write(descriptor, content[: self.rng.randrange(len(content))])
            raise
        written = os.write(descriptor, content)
        self.fuse.spark()
        return written

    def runner(
        self, *procedures: Procedure, approver: Approver | None = None, witness: Witness | None = None
    ) -> Runner:
        redactor = Redactor()
        records = Records(
            journal=self.journal(redactor),
            anchor=self.anchor,
            vault=Vault(self.directory / "sealed"),
            plans=PlanBook(self.directory / "plans"),
            reports=self.directory / "reports",
            lock=FileLock(self.directory / "lock"),
            redactor=redactor,
        )
        return Runner(
            records,
            {procedure.name: procedure for procedure in procedures},
            approver or Yes(),
            "somebody",
            witness or NoWitness(),
            self.clock.timing(),
        )

    def sealed(self) -> Iterator[Path]:
        return (self.directory / "sealed").glob("*")
