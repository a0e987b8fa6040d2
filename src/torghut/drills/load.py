"""The ground that drills play on: a stack at a given rate, made so for their time and put back after.

A stack of the drills' own has topics of its own, and is renewed now and then: every audit reads a topic of trades from
its beginning, so that the counting would take longer with each drill.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from torghut.drills.errors import DrillError
from torghut.drills.play import wait_steady
from torghut.drills.scene import Scene
from torghut.job.launch import NONE
from torghut.platform.errors import PlatformError
from torghut.stack.desired import put_back, read_desired
from torghut.stack.document import running_document
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, up
from torghut.stack.submission import prepare

_RENEW_S: Final = 480.0
"""A start takes a minute; an audit of this time's records takes about as long."""
_OURS: Final = re.compile(r"drill-\d+\.")
"""The prefix of the topics of a stack of the drills' own."""


@dataclass
class Ground:
    """A stack that drills play on, which runs."""

    home: Home
    report: Callable[[str], None]

    def prepare(self) -> None:
        """See that the next drill can begin.

        Raises:
            DrillError: the stack does not come back, and it is not ours to restart.
        """
        wait_steady(RunningStack(self.home))


@dataclass
class OwnGround(Ground):
    """A stack that was started for the drills, with the job if they need it."""

    rate: float
    job: bool
    _begun: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start it, with new topics; those that drills before it have left are removed.

        Raises:
            StackError: it cannot be started.
            PlatformError: something that it needs is missing.
        """
        # Nothing of what was read or written before is to be gone on from.
        job = prepare(self.home, start_from=NONE, report=self.report) if self.job else None
        prefix = f"drill-{time.time_ns() // 1_000_000}."
        up(self.home, Wish(rate=self.rate, ta=job, topic_prefix=prefix, anew=True), self.report)
        admin = RunningStack(self.home).admin()
        admin.delete_topics([name for name in admin.topics() if _OURS.match(name) and not name.startswith(prefix)])
        Scene(self.home, self.home.root).abandon_all()
        self._begun = time.monotonic()

    def prepare(self) -> None:
        """See that the next drill can begin: on a stack that is neither broken nor old."""
        if time.monotonic() - self._begun < _RENEW_S:
            try:
                super().prepare()
            except (DrillError, StackError):
                self.report("the stack does not come back: it is started anew")
            else:
                return
        else:
            self.report("a new stack, so that audits stay short")
        down(self.home, self.report)
        try:
            self.start()
        except (StackError, PlatformError) as error:
            raise DrillError(str(error)) from error


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
        own = OwnGround(home, report, rate, job)
        with put_back(home):
            try:
                own.start()
                yield own
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
