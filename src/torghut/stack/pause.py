"""Counting in peace: the simulated market stands still while an audit reads, or both would share two cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torghut.sim.control import SimControl
from torghut.stack.running import RunningStack


@contextmanager
def paused_feed(stack: RunningStack) -> Iterator[None]:
    """The simulator of `stack` makes nothing new in the block. A real feed goes on.

    Raises:
        NoStackError: nothing runs there.
        ControlError: the simulator does not obey.
    """
    sim = stack.document().sim
    if sim is None:
        yield
        return
    with SimControl(sim.control_url) as control:
        control.pause()
        try:
            yield
        finally:
            control.resume()
