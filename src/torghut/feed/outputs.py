"""What the session wants done or known: the outputs of its state machine, to be carried out in order."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from torghut.feed.errors import Recovery
from torghut.feed.messages import Message, Reject
from torghut.feed.subscription import Subscription
from torghut.wire.status import Reason


class Send(msgspec.Struct, frozen=True):
    """Send this text frame. Its bytes may hold the keys, so they are never shown."""

    data: bytes

    def __repr__(self) -> str:
        return f"Send({len(self.data)} bytes)"


class Close(msgspec.Struct, frozen=True):
    """Close the connection with this WebSocket code."""

    code: int
    why: str


class Authenticated(msgspec.Struct, frozen=True):
    """The server knows us."""


class Subscribed(msgspec.Struct, frozen=True):
    """The subscription changed.

    `state` is what the server says, whole. `missing` is what is wanted and not covered by it. `settled` is false
    while requests for some of that are still under way.
    """

    state: Subscription
    missing: Subscription
    settled: bool


class Data(msgspec.Struct, frozen=True):
    """Events, in the order of arrival."""

    messages: list[Message]


class Rejected(msgspec.Struct, frozen=True):
    """What could not be understood."""

    rejects: list[Reject]


class Failed(msgspec.Struct, frozen=True):
    """Something went wrong: the status reason, Alpaca's code if it sent one, and how to recover.

    Except for `Recovery.KEEP` and `Recovery.AUTHENTICATE` the session is over.
    """

    reason: Reason
    code: int | None
    detail: str
    recovery: Recovery


Output: TypeAlias = Send | Close | Authenticated | Subscribed | Data | Rejected | Failed
