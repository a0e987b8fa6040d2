"""What can go wrong on Alpaca's side of the system, and what a good client does about it.

Exceptions (raised):

    FeedError
      MessageError    bytes that were said to be an event are none

The server's error codes are not exceptions but values: `CODES` is the table of Alpaca's documentation, with the
status reason of our contract and the way to recover.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from torghut.wire.status import Reason


class FeedError(Exception):
    """Root of this package's errors."""


class MessageError(FeedError):
    """The bytes are not an event of the channel that they were said to be of."""


class Recovery(Enum):
    """What to do after a failure. All but KEEP and AUTHENTICATE mean that the session is over."""

    RECONNECT = "reconnect"
    """Connect again after the usual back-off."""
    SLOW_RETRY_WITH_NEW_KEYS = "slow_retry_with_new_keys"
    """The keys are wrong: read their source again and try slowly."""
    STAND_BY = "stand_by"
    """Another session of this user holds the endpoint: wait for growing times, never fight."""
    FINAL = "final"
    """Nothing helps until the configuration changes."""
    KEEP = "keep"
    """The connection lives on; only the request at hand, if any, was without effect."""
    AUTHENTICATE = "authenticate"
    """The connection lives on; the session logs in again by itself."""


ENDING: Final = frozenset(Recovery) - {Recovery.KEEP, Recovery.AUTHENTICATE}
"""The recoveries that end the session."""


class Code(msgspec.Struct, frozen=True):
    """One error code of the stream."""

    meaning: str
    reason: Reason
    recovery: Recovery


CODES: Final[dict[int, Code]] = {
    400: Code("invalid syntax", Reason.ALPACA_SUBSCRIPTION, Recovery.FINAL),
    401: Code("not authenticated", Reason.ALPACA_NOT_AUTHENTICATED, Recovery.AUTHENTICATE),
    402: Code("authentication failed", Reason.ALPACA_AUTH, Recovery.SLOW_RETRY_WITH_NEW_KEYS),
    403: Code("already authenticated", Reason.OK, Recovery.KEEP),
    404: Code("authentication timeout", Reason.ALPACA_NOT_AUTHENTICATED, Recovery.RECONNECT),
    405: Code("symbol limit exceeded", Reason.ALPACA_SYMBOL_LIMIT, Recovery.KEEP),
    406: Code("connection limit exceeded", Reason.ALPACA_CONNECTION_LIMIT, Recovery.STAND_BY),
    407: Code("slow client", Reason.ALPACA_SLOW_CLIENT, Recovery.RECONNECT),
    409: Code("insufficient subscription", Reason.ALPACA_SUBSCRIPTION, Recovery.FINAL),
    410: Code("invalid subscribe action for this feed", Reason.ALPACA_SUBSCRIPTION, Recovery.KEEP),
    500: Code("internal error", Reason.ALPACA_UNREACHABLE, Recovery.RECONNECT),
}
"""Source: Alpaca's documentation of the real-time stream. What 400 means while streaming see `session`."""

UNKNOWN_CODE: Final = Code("unknown error code", Reason.ALPACA_UNREACHABLE, Recovery.KEEP)
"""The connection stays; if it was about something we wait for, that wait ends it."""
