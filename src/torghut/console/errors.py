"""What can keep the console from answering.

ConsoleError
├── ConsoleStartError  it cannot serve: a port is taken, or the page's parts are missing
└── BadRequestError    a browser asked for what cannot be; becomes a 400 with the reason
"""

from __future__ import annotations


class ConsoleError(Exception):
    """Root of this package's errors. Says what was wanted, what was seen and what to do."""


class ConsoleStartError(ConsoleError):
    """The console cannot serve."""


class BadRequestError(ConsoleError):
    """A browser asked for what cannot be."""
