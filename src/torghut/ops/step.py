"""One step of a procedure as a value: what it wants, how one sees that it is so, how it is brought about and undone.

A step converges: `check` may be asked at any time and answers from the system alone, so that a step which was killed
after its effect and before its note is recognised as done. An effect that the system does not show by itself (a
restart, a savepoint) carries a token that the system keeps and `check` recognises: the run's id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Seen:
    """What a look at the system showed.

    `facts` are what later steps and the report need to know (the name of a savepoint). They come from looking, never
    from acting, so that nothing is lost when the one who acted died. Neither they nor `what` hold a secret.
    """

    holds: bool
    what: str
    facts: Mapping[str, str] = field(default_factory=dict)


Probe = Callable[[], Seen]
"""Looks, changes nothing, answers within seconds. May raise `UnavailableError`."""

Act = Callable[[], None]
"""Changes the system, or nothing when it already is so. May raise `UnavailableError` or `RefusedError`."""


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Undo:
    """How a step is taken back. `check` holds when nothing of it is left; only then it counts as undone."""

    does: str
    check: Probe
    act: Act
    deadline_s: float = 60.0


NOTHING_TO_UNDO: Final = Undo("nothing to undo", lambda: Seen(True, "it may stay"), _nothing)
"""Of an act whose effect is harmless in the old state as well."""


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: what the journal calls it; never changed once it was released, `resume` finds the step by it.
        does: one sentence, for the plan.
        check: does it hold already? Then the step is skipped.
        act: brings it about; None for a step that only proves something.
        verify: holds when the act has worked; by default `check`. Asked until `deadline_s` after the act.
        undo: None says that it cannot be taken back: after such an act the procedure only goes forward.
        approval: what is lost by this act; then it waits for somebody's yes. Empty: no approval needed.
        diff: for the plan, what would change, line by line.
    """

    name: str
    does: str
    check: Probe
    act: Act | None = None
    verify: Probe | None = None
    undo: Undo | None = None
    deadline_s: float = 60.0
    approval: str = ""
    diff: Callable[[], tuple[str, ...]] = tuple

    @property
    def proof(self) -> Probe:
        """What must hold at its end."""
        return self.verify or self.check
