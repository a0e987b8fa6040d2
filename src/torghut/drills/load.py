"""The ground that drills play on: a stack at a given rate, made so for their time and put back after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torghut.drills.errors import DrillError
from torghut.drills.play import wait_steady
from torghut.stack.desired import put_back, read_desired
from torghut.stack.document import running_document
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, up
from torghut.stack.submission import prepare


@dataclass(frozen=True)
class Ground:
    """A stack that drills play on. `wish` is what it was started with, None for one that was there before."""

    home: Home
    report: Callable[[str], None]
    wish: Wish | None = None

    def mend(self) -> None:
        """See that the next drill can begin: a stack of our own that does not come back is started anew.

        Raises:
            DrillError: it does not come back, and it is not ours to restart.
        """
        try:
            wait_steady(RunningStack(self.home))
        except (DrillError, StackError):
            if self.wish is None:
                raise
            self.report("the stack does not come back: it is started anew")
            down(self.home, self.report)
            up(self.home, self.wish, self.report)


@contextmanager
def under_load(home: Home, rate: float, report: Callable[[str], None], *, job: bool = False) -> Iterator[Ground]:
    """Have a simulated stack run at `rate` messages a second in the block; a stack started for it ends with it.

    With `job`, a stack that is started for it has the job, too.

    Raises:
        DrillError: the running stack follows a feed that is not the simulator.
        StackError: the stack cannot be started.
    """
    document = running_document(home)
    if document is None:
        wish = Wish(rate=rate, ta=prepare(home, report=report) if job else None, anew=True)
        with put_back(home):
            up(home, wish, report)
            try:
                yield Ground(home, report, wish)
            finally:
                down(home, report)
        return
    if document.sim is None:
        raise DrillError(f"the stack in {home.root} follows {document.feed}: drills need `torghut up --feed sim`")
    before = read_desired(home).settings.rate
    if before != rate:
        up(home, Wish(rate=rate), report)
    try:
        yield Ground(home, report)
    finally:
        if before is not None and before != rate:
            up(home, Wish(rate=before), report)
