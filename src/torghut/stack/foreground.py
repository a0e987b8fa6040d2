"""`torghut up` without `--detach`: the stack lives as long as the command."""

from __future__ import annotations

import signal
from types import FrameType

from torghut.platform.locks import is_locked
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.start import Report, Wish, down, up

_FOREVER_S = float("inf")


def stay(home: Home, wish: Wish, report: Report) -> None:
    """Bring the stack up, stay until Ctrl-C or SIGTERM, and stop everything. Also when the start fails.

    Raises:
        StartError: a process did not come up.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        document = up(home, wish, report, leash=True)
        if document.console is not None:
            report(f"the console: {document.console.url}")
        report("the stack is ready; Ctrl-C stops everything")
        wait_until(lambda: not is_locked(home.supervisor_lock), _FOREVER_S, "Ctrl-C", 0.5)
        report("the stack was stopped")
    except KeyboardInterrupt:
        report("stopping everything")
        down(home, report)
