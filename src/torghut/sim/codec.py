"""Frames as bytes, in the two encodings that Alpaca speaks: JSON text and MessagePack.

JSON frames join the messages' own bytes, so numbers and nanoseconds are exactly the source's. MessagePack carries
times as its timestamp extension (type -1) with nanoseconds, which is what alpaca-py decodes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from torghut.sim.session import Acknowledge, Failure, Request, Success
from torghut.wire.times import NS_PER_S, parse_rfc3339

_TIMESTAMP: Final = -1
_TIMESTAMP_96: Final = struct.Struct("!Iq")


class Codec(Protocol):
    """How one connection's frames are written and read."""

    text: bool

    def data(self, messages: Sequence[bytes]) -> bytes:
        """A data frame of these messages (given as JSON)."""

    def control(self, message: Success | Failure | Acknowledge) -> bytes:
        """A control frame: one message, alone in its array."""

    def request(self, frame: bytes) -> Request | None:
        """What the client asks; None when it cannot be understood."""


def _control(message: Success | Failure | Acknowledge) -> list[dict[str, Any]]:
    match message:
        case Success(text):
            return [{"T": "success", "msg": text}]
        case Failure(code, text):
            return [{"T": "error", "code": code, "msg": text}]
        case Acknowledge(state):
            return [{"T": "subscription", **state}]


class JsonCodec:
    """Text frames; the default."""

    text = True
    _requests = msgspec.json.Decoder(Request)

    def data(self, messages: Sequence[bytes]) -> bytes:
        """See `Codec`."""
        return b"[" + b",".join(messages) + b"]"

    def control(self, message: Success | Failure | Acknowledge) -> bytes:
        """See `Codec`."""
        return msgspec.json.encode(_control(message))

    def request(self, frame: bytes) -> Request | None:
        """See `Codec`."""
        try:
            return self._requests.decode(frame)
        except msgspec.DecodeError:
            return None


class MsgpackCodec:
    """Binary frames, for clients that ask for `Content-Type: application/msgpack`."""

    text = False
    _requests = msgspec.msgpack.Decoder(Request)

    def data(self, messages: Sequence[bytes]) -> bytes:
        """See `Codec`."""
        return msgspec.msgpack.encode([_with_timestamp(msgspec.json.decode(message)) for message in messages])

    def control(self, message: Success | Failure | Acknowledge) -> bytes:
        """See `Codec`."""
        return msgspec.msgpack.encode(_control(message))

    def request(self, frame: bytes) -> Request | None:
        """See `Codec`."""
        try:
            return self._requests.decode(frame)
        except msgspec.DecodeError:
            return None


def _with_timestamp(message: Any) -> Any:  # noqa: ANN401 - any JSON, also what a fault made of it
    if isinstance(message, dict) and isinstance(message.get("t"), str):
        second, nanosecond = divmod(parse_rfc3339(message["t"]), NS_PER_S)
        message["t"] = msgspec.msgpack.Ext(_TIMESTAMP, _TIMESTAMP_96.pack(nanosecond, second))
    return message


JSON: Final = JsonCodec()
MSGPACK: Final = MsgpackCodec()
