"""Errors of procedures.

OpsError
├── PreconditionError   what must hold before does not; nothing was changed
│   ├── DriftError      the system is not as it was planned for, or not as its desired state says
│   ├── HeldError       another procedure works on this target
│   └── OpenRunError    an earlier run is neither finished nor undone
├── UnavailableError    something does not answer now; asked again until the deadline
├── RefusedError        something answered, and said no; asking again is useless
├── StepError           a step did not reach what it verifies
└── JournalError        the journal was changed, cut, or cannot be read or written

Each message says what was wanted, what was seen and what to do next.
"""

from __future__ import annotations


class OpsError(Exception):
    """Root of the errors of procedures."""


class PreconditionError(OpsError):
    """What must hold before does not. Nothing was changed."""


class DriftError(PreconditionError):
    """What is found differs from what was planned for, or from the desired state."""


class HeldError(PreconditionError):
    """Another procedure works on this target now."""


class OpenRunError(PreconditionError):
    """An earlier run of this target is neither finished nor undone."""


class UnavailableError(OpsError):
    """No answer now. Asked again, with growing delays, until the step's deadline."""


class RefusedError(OpsError):
    """An answer, and it was no."""


class StepError(OpsError):
    """A step did not reach what it verifies."""


class JournalError(OpsError):
    """The journal was changed, cut, or cannot be read or written."""
