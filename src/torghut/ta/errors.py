"""What can go wrong in `ta`. The job turns the first branch into dead letters and stops on the second.

    TaError
    |- BadInputError          a record that cannot be used: dead-letter it and go on
    |   |- BadNumberError     not a number, or outside of what exact arithmetic carries
    |   |- BadPartialError    an aggregate that contradicts itself
    |   |- BadQuoteError      a quote with impossible values
    |   `- TooLateError       it belongs to a second that can no longer be revised
    `- StateError             wrong use or wrong state: going on would give wrong numbers
        |- OutOfOrderError    a second was closed after a later one
        |- StateVersionError  a snapshot that this code cannot read
        |- IndicatorError     an indicator is badly defined or failed
        `- UnknownFeedError   no sale-condition rules for this feed

A message says what was wanted and what was seen.
"""

from __future__ import annotations


class TaError(Exception):
    """The root of this package's errors."""


class BadInputError(TaError):
    """A record that cannot be used. Nothing was changed by it."""


class BadNumberError(BadInputError):
    """Not a number, not finite, or outside of what exact arithmetic carries."""


class BadPartialError(BadInputError):
    """An aggregate that contradicts itself."""


class BadQuoteError(BadInputError):
    """A quote with impossible values."""


class TooLateError(BadInputError):
    """It belongs to a second that can no longer be revised."""


class StateError(TaError):
    """Wrong use or wrong state: going on would give wrong numbers."""


class OutOfOrderError(StateError):
    """A second was closed after a later one."""


class StateVersionError(StateError):
    """A snapshot that this code cannot read."""


class IndicatorError(StateError):
    """An indicator is badly defined, or failed on a bar."""


class UnknownFeedError(StateError):
    """No sale-condition rules are known for this feed."""
