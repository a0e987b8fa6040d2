"""Frames of the stream and rows of the history API, as messages: what happened, when, which event it is, its bytes.

The hot path of the forwarder. A frame of data is decoded in one go into typed values (which proves that it is valid)
and cut into payloads at places that are checked for the whole frame at once. Whatever is not as expected, in form or
in content, goes through the same steps message by message, slower and without any assumption about the text.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, TypeAlias

import msgspec

from torghut.feed.errors import MessageError
from torghut.feed.records import VALUES, DataMessage, Values
from torghut.feed.slicing import elements, without
from torghut.feed.subscription import Subscription
from torghut.wire.times import parse_rfc3339
from torghut.wire.topics import Channel

INVALID_FRAME: Final = "invalid_frame"
INVALID_MESSAGE: Final = "invalid_message"
UNKNOWN_TYPE: Final = "unknown_type"

_LAST_NS: Final = 2**63 - 1_000_000_000
_DATA_TYPES: Final = frozenset("tqbucxsl")
_ADDRESS: Final = ("T", "S")
_MARK: Final = "u"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One event.

    `event_ts` is in ns since the epoch. `payload` is the message's JSON as received, minus the keys `T` and `S`.
    `identity` is the contract's identity within (channel, symbol) as a number that is valid in this process only;
    None for quotes, statuses and LULDs, which have none.
    """

    channel: Channel
    symbol: str
    event_ts: int
    payload: bytes
    identity: int | None


class Reject(msgspec.Struct, frozen=True):
    """What could not be understood: the bytes, one of the reasons above, and what is wrong in words."""

    raw: bytes
    reason: str
    detail: str
    symbol: str | None


class Success(msgspec.Struct, frozen=True, tag_field="T", tag="success"):
    """`connected` or `authenticated`."""

    msg: str


class Error(msgspec.Struct, frozen=True, tag_field="T", tag="error"):
    """The server refuses something; `errors.CODES` says what to do."""

    code: int
    msg: str = ""


class Acknowledgement(msgspec.Struct, frozen=True):
    """The whole current subscription, which replaces what the client believed."""

    state: Subscription


Control: TypeAlias = Success | Error | Acknowledgement


class Frame(msgspec.Struct, frozen=True):
    """A frame's content, each list in the order of the frame."""

    messages: list[Message]
    controls: list[Control]
    rejects: list[Reject]


class _Head(msgspec.Struct):
    T: str
    S: str | None = None


class _Mark(msgspec.Struct):
    u: str | None = None


_frame_decoder: Final = msgspec.json.Decoder(list[DataMessage])
_message_decoder: Final = msgspec.json.Decoder(DataMessage)
_head_decoder: Final = msgspec.json.Decoder(_Head)
_mark_decoder: Final = msgspec.json.Decoder(_Mark)
_values_decoders: Final = {channel: msgspec.json.Decoder(kind) for channel, kind in VALUES.items()}
_control_decoders: Final[dict[str, msgspec.json.Decoder[Success] | msgspec.json.Decoder[Error]]] = {
    "success": msgspec.json.Decoder(Success),
    "error": msgspec.json.Decoder(Error),
}
_state_decoder: Final = msgspec.json.Decoder(Subscription)

# Escapes, and space before a colon: other ways to write the keys than those that are counted.
_NOT_PLAIN: Final = (b"\\", b" :", b"\t", b"\n", b"\r")

# What decoding says to a text that is not as wanted; RecursionError to one that is nested absurdly deep.
_NOT_AS_WANTED: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def parse_frame(frame: bytes) -> Frame:
    """What a frame of the stream holds. Never raises: what cannot be understood is among the rejects."""
    try:
        items = _frame_decoder.decode(frame)
        bodies = _bodies(frame, len(items))
        if bodies is None:
            return _parse_elements(frame)
        return Frame([_cut(item, body) for item, body in zip(items, bodies, strict=True)], [], [])
    except _NOT_AS_WANTED:
        return _parse_elements(frame)


def parse_history(channel: Channel, symbol: str, raw: bytes) -> tuple[Message, str | None]:
    """An event of the history API and its mark `u` (`canceled`, `corrected`, `incorrect`; trades only).

    The payload is the row's text without the mark; the identity is that of the same event from the stream.

    Raises:
        MessageError: the row is not an event of that channel.
    """
    mark = None
    try:
        if channel is Channel.TRADES and (b'"u"' in raw or b"\\" in raw):
            mark = _mark_decoder.decode(raw).u
            raw = without(raw, (_MARK,))
        values = _values_decoders[channel].decode(raw)
        ns = _event_ns(values.t)
        raw.decode()
    except (*_NOT_AS_WANTED, KeyError) as error:
        raise MessageError(f"not a row of {channel} history for {symbol}: {error}") from error
    return Message(channel, symbol, ns, raw, values.identity(ns)), mark


def message_from_envelope(channel: Channel, symbol: str, event_ts: int, payload: bytes) -> Message:
    """A message as it was, from a record read back from Kafka.

    Raises:
        MessageError: the payload is not one of that channel.
    """
    return Message(channel, symbol, event_ts, payload, _values(channel, payload).identity(event_ts))


def overlap_key(message: Message) -> Hashable:
    """What equal events have in common when an overlap is matched as a multiset; valid in this process only.

    The identity where there is one, else the time and all values known here, compared as numbers.

    Raises:
        MessageError: the payload is not one of its channel.
    """
    if message.identity is not None:
        return message.channel, message.symbol, message.identity
    values = _values(message.channel, message.payload)
    return message.channel, message.symbol, message.event_ts, values.content()


def _values(channel: Channel, payload: bytes) -> Values:
    try:
        return _values_decoders[channel].decode(payload)
    except (*_NOT_AS_WANTED, KeyError) as error:
        raise MessageError(f"not a payload of {channel}: {error}") from error


def _event_ns(text: str) -> int:
    """The time of an event in ns; what is before 1970 or does not fit 64 bits is no time of a market.

    Raises:
        ValueError: it is no time, or none of an event.
    """
    ns = parse_rfc3339(text)
    if not 0 <= ns <= _LAST_NS:
        raise ValueError(f"not a possible time of an event: {text[:64]!r}")
    return ns


def _bodies(frame: bytes, count: int) -> list[bytes] | None:
    """The messages' texts without braces, if the valid JSON in `frame` is as plain as Alpaca writes it.

    Plain: ASCII, no escapes, no nested objects, no space between messages, the keys `T` and `S` once each, `T` first.
    Everything is counted for the whole frame, which is many times cheaper than looking at each message.
    """
    if not frame.isascii() or frame[:2] != b"[{" or frame[-2:] != b"}]" or any(map(frame.__contains__, _NOT_PLAIN)):
        return None
    bodies = frame[2:-2].split(b"},{")
    if (
        len(bodies)
        == count
        == frame.count(b"{")
        == frame.count(b'{"T":"')
        == frame.count(b'"T":')
        == frame.count(b'"S":')
    ):
        return bodies
    return None


def _cut(item: DataMessage, body: bytes) -> Message:
    """The message of a plain body `"T":"t",...,"S":"AAPL",...`: `S` next to `T` as a rule, anywhere otherwise."""
    symbol = item.S
    ns = _event_ns(item.t)
    end = 14 + len(symbol)
    if body[6:13] == b'","S":"' and body[end : end + 1] == b",":
        payload = b"{%b}" % body[end + 1 :]
    else:
        payload = without(b"{%b}" % body, _ADDRESS)
    return Message(item.channel, symbol, ns, payload, item.identity(ns))


def _parse_elements(frame: bytes) -> Frame:
    """A frame that is not plain data, element by element."""
    parsed = Frame([], [], [])
    try:
        parts = elements(frame)
    except ValueError as error:
        parts = []
        parsed.rejects.append(Reject(frame, INVALID_FRAME, str(error), None))
    if parts and not any(part.startswith(b"{") for part in parts):
        parsed.rejects.append(Reject(frame, INVALID_FRAME, "wanted an array of objects", None))
        return parsed
    for part in parts:
        _parse_element(part, parsed)
    return parsed


def _parse_element(raw: bytes, into: Frame) -> None:
    symbol = None
    try:
        raw.decode()  # skipped values are not checked by the decoder
        head = _head_decoder.decode(raw)
        symbol = head.S
        if head.T in _DATA_TYPES:
            into.messages.append(_parse_data(raw))
        elif head.T in _control_decoders:
            into.controls.append(_control_decoders[head.T].decode(raw))
        elif head.T == "subscription":
            into.controls.append(Acknowledgement(_state_decoder.decode(raw)))
        else:
            into.rejects.append(Reject(raw, UNKNOWN_TYPE, f"T is {head.T[:64]!r}", symbol))
    except _NOT_AS_WANTED as error:
        into.rejects.append(Reject(raw, INVALID_MESSAGE, str(error), symbol))


def _parse_data(raw: bytes) -> Message:
    item = _message_decoder.decode(raw)
    ns = _event_ns(item.t)
    return Message(item.channel, item.S, ns, without(raw, _ADDRESS), item.identity(ns))
