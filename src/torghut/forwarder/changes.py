"""Corrections and cancels that nobody was connected to hear, derived from the marks that history puts on trades.

History has no correction messages. It marks the trades: `canceled`, `incorrect` (the original of a correction) and
`corrected` (what stands in its place, with the original's time, exchange and tape). Pure.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from torghut.feed.messages import Message, message_from_envelope
from torghut.forwarder.history import Past
from torghut.wire.topics import Channel

CANCELED: Final = "canceled"
INCORRECT: Final = "incorrect"
CORRECTED: Final = "corrected"


class Changes(msgspec.Struct, frozen=True):
    """What the marks say. `lone` are `corrected` trades whose original was not found: they stand for themselves."""

    messages: list[Message]
    lone: list[Message]


def derive(trades: Iterable[Past]) -> Changes:
    """Corrections and cancels from marked trades (in event order), as the stream would have sent them.

    Their event time is the trade's, because history does not say when the change was reported.
    """
    messages: list[Message] = []
    originals: dict[tuple[object, ...], deque[Message]] = defaultdict(deque)
    corrected: list[Message] = []
    for past in trades:
        if past.mark == CANCELED:
            messages.append(_cancel(past.message))
        elif past.mark == INCORRECT:
            originals[_place(past.message)].append(past.message)
        elif past.mark == CORRECTED:
            corrected.append(past.message)
    lone = []
    for trade in corrected:
        waiting = originals[_place(trade)]
        if waiting:
            messages.append(_correction(waiting.popleft(), trade))
        else:
            lone.append(trade)
    return Changes(messages, lone)


def _fields(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(message.payload)
    return fields


def _place(message: Message) -> tuple[object, ...]:
    """What an original and its correction have in common."""
    fields = _fields(message)
    return message.symbol, message.event_ts, fields.get("x"), fields.get("z")


def _message(channel: Channel, trade: Message, fields: dict[str, Any]) -> Message:
    payload = msgspec.json.encode({key: value for key, value in fields.items() if value is not None})
    return message_from_envelope(channel, trade.symbol, trade.event_ts, payload)


def _cancel(trade: Message) -> Message:
    f = _fields(trade)
    fields = {key: f.get(key) for key in ("i", "x", "p", "s", "z", "t")} | {"a": "C"}
    return _message(Channel.CANCEL_ERRORS, trade, fields)


def _correction(original: Message, corrected: Message) -> Message:
    old, new = _fields(original), _fields(corrected)
    fields = {"x": old.get("x")}
    fields |= {f"o{key}": old.get(key) for key in "ipsc"}
    fields |= {f"c{key}": new.get(key) for key in "ipsc"}
    fields |= {"z": old.get("z"), "t": old.get("t")}
    return _message(Channel.CORRECTIONS, original, fields)
