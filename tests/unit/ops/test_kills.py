"""The kernel under a machine that kills it at every transition, lets steps fail, and continues it in any order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.ops.world import Desk, Example, Fuse, Killed, Piece, World, Yes

from torghut.ops.errors import OpsError, PreconditionError
from torghut.ops.procedure import Request, Rollback
from torghut.ops.runner import Outcome, Runner
from torghut.ops.state import Phase, runs

RUN = "r1"
fuses = st.one_of(st.none(), st.integers(0, 40))


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    count = draw(st.integers(1, 4))
    return [
        Piece(f"s{n}", draw(st.booleans()) or draw(st.booleans()), draw(st.sampled_from(["", "", "sure?"])))
        for n in range(count)
    ]


class Kills(RuleBasedStateMachine):
    """One run, begun and continued by processes that die."""

    @initialize(plan=pieces(), policy=st.sampled_from(Rollback), seed=st.integers(0, 99))
    def build(self, plan: list[Piece], policy: Rollback, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.fuse = Fuse()
        self.world = World(self.fuse)
        self.desk = Desk(Path(self.folder.name), self.fuse, Random(seed))
        self.procedure = Example(self.world, plan, policy)

    def _do(self, command: Callable[[Runner], Outcome], fuse: int | None, *, yes: bool = True) -> None:
        self.fuse.left = fuse
        try:
            command(self.desk.runner(self.procedure, approver=Yes(yes)))
        except (Killed, PreconditionError):
            pass
        finally:
            self.fuse.left = None

    @property
    def phase(self) -> Phase | None:
        state = runs(self.desk.journal().notes()).get(RUN)
        return state.phase if state else None

    @rule(fuse=fuses, yes=st.booleans())
    def run(self, fuse: int | None, *, yes: bool) -> None:
        self._do(lambda runner: runner.run("example", Request(), RUN), fuse, yes=yes)

    @rule(fuse=fuses, yes=st.booleans())
    def resume(self, fuse: int | None, *, yes: bool) -> None:
        self._do(lambda runner: runner.resume(RUN), fuse, yes=yes)

    @rule(fuse=fuses)
    def roll_back(self, fuse: int | None) -> None:
        self._do(lambda runner: runner.roll_back(RUN), fuse)

    @rule(number=st.integers(0, 3), fruitless=st.booleans())
    def fall_ill(self, number: int, *, fruitless: bool) -> None:
        (self.world.fruitless if fruitless else self.world.sick).add(f"s{number}")

    @rule(acts=st.integers(1, 2))
    def fall_silent(self, acts: int) -> None:
        self.world.silent = acts

    @rule()
    @precondition(lambda self: bool(self.world.sick or self.world.fruitless))
    def heal(self) -> None:
        self.world.sick.clear()
        self.world.fruitless.clear()

    @invariant()
    def no_effect_is_there_twice(self) -> None:
        assert len(self.world.effects) == len(set(self.world.effects))

    @invariant()
    def effects_come_in_the_order_of_the_steps(self) -> None:
        marks = [f"{RUN}/{piece.name}" for piece in self.procedure.pieces]
        assert self.world.effects == marks[: len(self.world.effects)]

    @invariant()
    def the_journal_is_valid(self) -> None:
        self.desk.journal().verify(self.desk.anchor)

    @invariant()
    def what_is_over_is_whole(self) -> None:
        if self.phase is Phase.DONE:
            assert len(self.world.effects) == len(self.procedure.pieces)
        if self.phase is Phase.UNDONE:
            assert self.world.effects == []

    @invariant()
    def no_secret_is_in_the_journal(self) -> None:
        journal = self.desk.directory / "journal.jsonl"
        assert not journal.exists() or b"hunter2" not in journal.read_bytes()

    def teardown(self) -> None:
        """Whatever happened: healed and asked once more, it ends whole, and nothing of its secrets is left."""
        if not hasattr(self, "folder"):
            return
        self.heal()
        self.world.silent = 0
        try:
            self.desk.runner(self.procedure).run("example", Request(), RUN)
            if self.phase in {Phase.FORWARD, Phase.BACKWARD}:
                self.desk.runner(self.procedure).resume(RUN)
            assert self.phase in {Phase.DONE, Phase.UNDONE}
            self.what_is_over_is_whole()
            assert list(self.desk.sealed()) == []
        except OpsError as error:
            raise AssertionError(str(error)) from error
        finally:
            self.folder.cleanup()


Kills.TestCase.settings = settings(max_examples=150, stateful_step_count=12, deadline=None)
TestKills = Kills.TestCase
