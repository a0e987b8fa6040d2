"""Errors of the local stack.

StackError
├── NoStackError       a command needs a running stack and there is none
├── StartError         a process did not come up (the message ends with its log's last lines)
├── PortError          a port that the user fixed is taken
└── DesiredStateError  `desired/stack.json` cannot be understood

Each message says what was wanted, what was seen and what to do.
"""

from __future__ import annotations


class StackError(Exception):
    """Root of this package's errors."""


class NoStackError(StackError):
    """There is no running stack in this home."""


class StartError(StackError):
    """A process did not come up."""


class PortError(StackError):
    """A port that the user fixed is taken."""


class DesiredStateError(StackError):
    """The file with the desired state cannot be understood."""
