"""One run, step by step: forwards until everything is verified, or backwards until nothing is left of it.

Every transition is noted before the next thing happens, and every thing that happens is one that a check recognises.
So there is no moment at which a kill loses an effect or makes it happen twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from torghut.ops.approval import Approver
from torghut.ops.errors import RefusedError, StepError, UnavailableError
from torghut.ops.procedure import Case
from torghut.ops.state import Event, Note, RunState, StepPhase
from torghut.ops.step import Act, Probe, Seen, Step
from torghut.platform.waiting import Deadline, backoff, wait_until

_RETRY_BASE_S: Final = 0.2
_RETRY_CAP_S: Final = 5.0
_POLL_S: Final = 0.2


@dataclass(frozen=True)
class Timing:
    """Time as a run sees it: of day in ns, monotonic in seconds, and how to wait."""

    now_ns: Callable[[], int] = time.time_ns
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class NotApprovedError(Exception):
    """Nobody said yes; the run stays where it is."""


class Execution:
    """One run in the hands of one process."""

    def __init__(
        self,
        state: RunState,
        steps: Sequence[Step],
        case: Case,
        append: Callable[[Note], None],
        approver: Approver,
        who: str,
        timing: Timing,
    ) -> None:
        self.state = state
        self._steps = steps
        self._case = case
        self._append = append
        self._approver = approver
        self._who = who
        self._timing = timing

    def note(
        self,
        event: Event,
        step: str = "",
        what: str = "",
        facts: Mapping[str, str] | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Write a transition down, then take it."""
        now = self._timing.now_ns()
        note = Note(self.state.run_id, event, now, self._who, step, what, dict(facts or {}), dict(figures or {}))
        self._append(note)
        self.state.take(note)
        self._case.facts |= note.facts if event in {Event.SKIPPED, Event.VERIFIED} else {}

    def forward(self) -> None:
        """Bring about what is not there yet, in order.

        Raises:
            StepError: a step failed; noted.
            NotApprovedError: a step needs a yes that was not given; noted.
        """
        for step in self._steps:
            if self.state.step(step.name) in {StepPhase.PENDING, StepPhase.ACTING}:
                try:
                    self._bring_about(step)
                except StepError as error:
                    self.note(Event.FAILED, step.name, str(error))
                    raise

    def irrevocable(self) -> tuple[str, ...]:
        """The steps of this run that happened and cannot be taken back."""
        return tuple(step.name for step in self._touched() if step.undo is None)

    def backward(self) -> None:
        """Take back what was touched, the last first.

        Raises:
            StepError: something could not be taken back; noted, and to be tried again.
        """
        for step in reversed(self._touched()):
            try:
                self._take_back(step)
            except StepError as error:
                self.note(Event.STOPPED, step.name, str(error))
                raise

    def _touched(self) -> list[Step]:
        return [step for step in self._steps if step.act is not None and self.state.step(step.name).is_touched]

    def _bring_about(self, step: Step) -> None:
        begun = self._timing.clock()
        seen = self._answer(step.check, step.deadline_s, step.name)
        if seen.holds and step.act is not None and self.state.step(step.name) is StepPhase.PENDING:
            self.note(Event.SKIPPED, step.name, seen.what, seen.facts)
            return
        if not seen.holds and step.act is not None:
            self._approve(step)
            self.note(Event.ACTING, step.name, seen.what)
            self._act(step.act, step.check, step.deadline_s, step.name)
        after = self._hold(step.proof, step.deadline_s, step.name)
        self.note(Event.VERIFIED, step.name, after.what, after.facts, {"seconds": self._timing.clock() - begun})

    def _approve(self, step: Step) -> None:
        if not step.approval or step.name in self.state.approved:
            return
        if not self._approver.approves(step.approval):
            self.note(Event.STOPPED, step.name, f"waits for approval: {step.approval}")
            raise NotApprovedError(step.approval)
        self.note(Event.APPROVED, step.name, step.approval)

    def _take_back(self, step: Step) -> None:
        undo = step.undo
        if undo is None:
            raise StepError(f"{step.name} cannot be taken back")
        begun = self._timing.clock()
        seen = self._answer(undo.check, undo.deadline_s, step.name)
        if not seen.holds:
            self.note(Event.UNDOING, step.name, seen.what)
            self._act(undo.act, undo.check, undo.deadline_s, step.name)
            seen = self._hold(undo.check, undo.deadline_s, step.name)
        self.note(Event.UNDONE, step.name, seen.what, figures={"seconds": self._timing.clock() - begun})

    def _act(self, act: Act, check: Probe, deadline_s: float, name: str) -> None:
        """Do it; while there is no answer, look whether it happened nevertheless and do it again."""
        deadline = Deadline.after(deadline_s, self._timing.clock)
        for delay in backoff(_RETRY_BASE_S, _RETRY_CAP_S):
            try:
                act()
            except RefusedError as error:
                raise StepError(f"{name}: refused: {error}") from error
            except UnavailableError as error:
                if deadline.remaining_s <= delay:
                    raise StepError(f"{name}: tried for {deadline_s:g} s, last: {error}") from error
                self._timing.sleep(delay)
                if not self._answer(check, deadline_s, name).holds:
                    continue
            return

    def _answer(self, probe: Probe, deadline_s: float, name: str) -> Seen:
        """Its first answer, whatever it is."""
        return self._wait(probe, deadline_s, name, lambda _: True)

    def _hold(self, probe: Probe, deadline_s: float, name: str) -> Seen:
        """Wait until it holds."""
        return self._wait(probe, deadline_s, name, lambda seen: seen.holds)

    def _wait(self, probe: Probe, deadline_s: float, name: str, enough: Callable[[Seen], bool]) -> Seen:
        last = "nothing was seen"

        def ask() -> Seen | None:
            nonlocal last
            try:
                seen = probe()
            except UnavailableError as error:
                last = str(error)
                return None
            except RefusedError as error:
                raise StepError(f"{name}: refused: {error}") from error
            last = seen.what
            return seen if enough(seen) else None

        try:
            return wait_until(ask, deadline_s, name, _POLL_S, clock=self._timing.clock, sleep=self._timing.sleep)
        except TimeoutError as error:
            raise StepError(f"{name}: did not hold within {deadline_s:g} s; last seen: {last}") from error
