"""Which event a message is. The contract's identities, written down a second time on purpose.

The audit must not inherit a mistake of what it audits, so it has its own reading of times, payloads and identities.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from torghut.wire.topics import Channel

Payload: TypeAlias = dict[str, Any]

CHANNEL_OF_TYPE: Final[dict[str, Channel]] = {
    "t": Channel.TRADES,
    "c": Channel.CORRECTIONS,
    "x": Channel.CANCEL_ERRORS,
    "q": Channel.QUOTES,
    "b": Channel.BARS,
    "u": Channel.UPDATED_BARS,
    "s": Channel.STATUSES,
    "l": Channel.LULDS,
}
"""Alpaca's `T` to the contract's channel."""

COUNTED: Final = frozenset({Channel.QUOTES, Channel.STATUSES, Channel.LULDS})
"""Channels without ids: equal messages are told apart only by how many there are."""

MARKED: Final = frozenset({Channel.CORRECTIONS, Channel.CANCEL_ERRORS})
"""Channels that a repair derives from history's marks: only their ids are sure to be the same."""


class Head(msgspec.Struct, gc=False):
    """What is read of a message to sort it: its time and the ids that may stand in for it."""

    t: str
    i: int | str | None = None
    oi: int | None = None


_payload_decoder = msgspec.json.Decoder(dict[str, Any])
head_decoder: Final = msgspec.json.Decoder(Head)


_NS: Final[tuple[int, ...]] = tuple(10 ** (9 - digits) for digits in range(10))
"""Nanoseconds in the last digit of a fraction of so many digits."""


@lru_cache(maxsize=4096)
def _second(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000


def event_ns(t: str) -> int:
    """Nanoseconds of `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, all of up to nine digits.

    Raises:
        ValueError: it is not such a text. Alpaca sends no other offset than `Z`.
    """
    if t[19:20] == "." and t[-1] == "Z" and t[20:-1].isdigit() and len(t) <= 30:
        digits = t[20:-1]
        return _second(t[:19]) + int(digits) * _NS[len(digits)]
    if t[19:] == "Z":
        return _second(t[:19])
    raise ValueError(f"not a time as Alpaca writes it: {t[:40]!r}")


def place(channel: str, event_ts: int, head: Head) -> int:
    """A number that is the same on both sides for the same event, to sort it by.

    Its time, except where a repair may give another one: there its id.
    """
    if channel in MARKED:
        number = head.oi if channel == Channel.CORRECTIONS else head.i
        return number if isinstance(number, int) else 0
    return event_ts


def strip(raw: bytes, kind: str, symbol: str) -> bytes:
    """The message without `T` and `S`, byte for byte where they stand first, as they do on the wire."""
    head = _head(kind, symbol)
    if raw.startswith(head):
        return b"{" + raw[len(head) :]
    payload = decode_payload(raw)
    return msgspec.json.encode({key: value for key, value in payload.items() if key not in {"T", "S"}})


@lru_cache(maxsize=4096)
def _head(kind: str, symbol: str) -> bytes:
    return b'{"T":%b,"S":%b,' % (msgspec.json.encode(kind), msgspec.json.encode(symbol))


def decode_payload(raw: bytes, *, marked: bool = False) -> Payload:
    """The message's values, without history's mark `u` if it is a repaired trade that may carry it."""
    payload = _payload_decoder.decode(raw)
    if marked:
        payload.pop("u", None)
    return payload


def _frozen(value: Any) -> Hashable:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return value  # type: ignore[no-any-return]


def values(payload: Payload) -> Hashable:
    """All values but `t` (its text may differ while the time is equal), numbers by value: 1 equals 1.0."""
    return frozenset((key, _frozen(item)) for key, item in payload.items() if key != "t")


def identity(channel: str, event_ts: int, payload: Payload) -> Hashable:
    """The contract's identity inside one (channel, feed, symbol)."""
    get = payload.get
    if channel == Channel.TRADES:
        return get("i"), get("x"), get("z"), event_ts, get("p"), get("s")
    if channel == Channel.BARS:
        return event_ts
    if channel == Channel.CORRECTIONS:
        return get("x"), get("z"), get("oi"), get("ci")
    if channel == Channel.CANCEL_ERRORS:
        return get("x"), get("z"), get("i")
    return event_ts, values(payload)


def coarse(channel: str, event_ts: int, payload: Payload) -> Hashable:
    """Less than the identity: what tells a falsified event from one lost and one invented."""
    if channel == Channel.TRADES:
        return payload.get("i"), payload.get("x"), payload.get("z")
    return event_ts


def same_values(channel: str, truth: Payload, record: Payload, *, repaired: bool) -> bool:
    """Whether the values are numerically equal, where they have to be."""
    if channel in COUNTED or (repaired and channel in MARKED):
        return True
    return truth.keys() == record.keys() and all(record[key] == item for key, item in truth.items() if key != "t")


def describe(channel: str, payload: Payload) -> str:
    """The identity in words, for a person at night."""
    keys = {
        Channel.TRADES: ("i", "x", "z", "p", "s"),
        Channel.CORRECTIONS: ("oi", "ci", "x", "z"),
        Channel.CANCEL_ERRORS: ("i", "x", "z"),
        Channel.QUOTES: ("bp", "bs", "ap", "as"),
        Channel.STATUSES: ("sc", "rc"),
        Channel.LULDS: ("u", "d", "i"),
    }.get(Channel(channel), ("o", "h", "l", "c", "v"))
    return " ".join(f"{key}={payload[key]}" for key in ("t", *keys) if key in payload)
