"""Events: what happened in the market, as the bytes that a client of the feed gets.

An event's `raw` is Alpaca's message, with `T` and `S`, textually as it goes out: numbers and nanoseconds are never
re-encoded between the source and the client, the history API or the ledger.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from torghut.wire.times import parse_rfc3339


class Kind(StrEnum):
    """The `T` of a data message."""

    TRADE = "t"
    QUOTE = "q"
    BAR = "b"
    UPDATED_BAR = "u"
    DAILY_BAR = "d"
    CORRECTION = "c"
    CANCEL = "x"
    STATUS = "s"
    LULD = "l"


CHANNEL: Final[dict[str, str]] = {
    Kind.TRADE: "trades",
    Kind.QUOTE: "quotes",
    Kind.BAR: "bars",
    Kind.UPDATED_BAR: "updatedBars",
    Kind.DAILY_BAR: "dailyBars",
    Kind.CORRECTION: "corrections",
    Kind.CANCEL: "cancelErrors",
    Kind.STATUS: "statuses",
    Kind.LULD: "lulds",
}
"""The subscription channel of each kind of message, by Alpaca's names."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened on a feed. `t` is the event time in ns; `raw` is the message as sent."""

    feed: str
    kind: str
    symbol: str
    t: int
    raw: bytes


class Head(msgspec.Struct, gc=False):
    """What every data message says about itself: type, symbol, time."""

    T: str
    S: str
    t: str


_head = msgspec.json.Decoder(Head)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def feed_of(symbol: str, stock_feed: str) -> str:
    """Crypto pairs have a slash in their name; everything else trades on the stock feed."""
    return "crypto" if "/" in symbol else stock_feed


def parse_event(raw: bytes, stock_feed: str) -> Event:
    """The event that a message tells of.

    Raises:
        msgspec.DecodeError, ValueError: it is no Alpaca data message with `T`, `S` and a valid `t`.
    """
    head = _head.decode(raw)
    if head.T not in CHANNEL:
        raise ValueError(f"unknown message type {head.T!r}")
    return Event(feed_of(head.S, stock_feed), head.T, head.S, parse_rfc3339(head.t), raw)


def fields_of(raw: bytes) -> dict[str, msgspec.Raw]:
    """The message's members with their values as text, so that numbers survive."""
    return _fields.decode(raw)


def with_fields(fields: dict[str, msgspec.Raw]) -> bytes:
    """The inverse of `fields_of`."""
    return msgspec.json.encode(fields)
