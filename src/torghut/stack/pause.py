"""Counting in peace: the simulated market all but stands still while an audit reads, or both would share the processor.

A little goes on: the forwarder takes 15 seconds of silence for a fault, and reconnects.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from torghut.sim import ControlError
from torghut.sim.control import SimControl
from torghut.stack.running import RunningStack

_AT_MOST_S: Final = 300.0
"""Should the one who counts be killed."""


@contextmanager
def paused_feed(stack: RunningStack) -> Iterator[None]:
    """The simulator of `stack` makes next to nothing new in the block. A real feed goes on, and one that does not obey.

    Raises:
        NoStackError: nothing runs there.
    """
    sim = stack.document().sim
    if sim is None:
        yield
        return
    with SimControl(sim.control_url) as control:
        with suppress(ControlError):
            control.pause(_AT_MOST_S, trickle=True)
        try:
            yield
        finally:
            with suppress(ControlError):
                control.resume()
