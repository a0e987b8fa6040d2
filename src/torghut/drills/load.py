"""The load of drills: a stack at a given rate, made so for their time and put back after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torghut.drills.errors import DrillError
from torghut.stack.desired import put_back, read_desired
from torghut.stack.document import running_document
from torghut.stack.home import Home
from torghut.stack.start import Wish, down, up
from torghut.stack.submission import prepare


@contextmanager
def under_load(home: Home, rate: float, report: Callable[[str], None], *, job: bool = False) -> Iterator[None]:
    """Have a simulated stack run at `rate` messages a second in the block; a stack started for it ends with it.

    With `job`, a stack that is started for it has the job, too.

    Raises:
        DrillError: the running stack follows a feed that is not the simulator.
        StackError: the stack cannot be started.
    """
    document = running_document(home)
    if document is None:
        with put_back(home):
            up(home, Wish(rate=rate, ta=prepare(home, report=report) if job else None, anew=True), report)
            try:
                yield
            finally:
                down(home, report)
        return
    if document.sim is None:
        raise DrillError(f"the stack in {home.root} follows {document.feed}: drills need `torghut up --feed sim`")
    before = read_desired(home).settings.rate
    if before != rate:
        up(home, Wish(rate=rate), report)
    try:
        yield
    finally:
        if before is not None and before != rate:
            up(home, Wish(rate=before), report)
