"""Becomes the program of its arguments, which is killed when whoever started it ends: also while it is paused."""

from __future__ import annotations

import os
import signal
import sys

from torghut.platform.processes import die_with

if __name__ == "__main__":
    die_with(os.getppid(), signal.SIGKILL)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted
