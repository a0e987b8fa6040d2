"""The records of a measurement: trades and quotes as Alpaca sends them, the same for everybody who is measured.

Every message has an event time of its own, by which it is recognised in Kafka: message `n` of a load that begins at
`base` happened at `event_ns(base, n)`. At a steady rate that is also when it is put on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final, Literal, TypeAlias

import msgspec

from torghut.sim.codec import JSON, MSGPACK
from torghut.wire.envelope import VERSION, Envelope, encode_envelope
from torghut.wire.times import NS_PER_S, format_rfc3339
from torghut.wire.topics import Channel

STEP_NS: Final = 1_000
"""Between two messages of a frame. A whole microsecond, because alpaca-py's models keep no more digits."""

Encoding: TypeAlias = Literal["json", "msgpack"]

_EXCHANGES: Final = "DQNPVZKJ"


class Load(msgspec.Struct, frozen=True):
    """How much, in which form and how fast. `rate` in messages per second; None is as fast as they are taken.

    `trades` is the share of trades; the rest are quotes.
    """

    messages: int
    frame: int = 20
    symbols: int = 100
    rate: float | None = None
    seed: int = 1
    trades: float = 0.5

    @property
    def interval_ns(self) -> int:
        """Event time from one frame to the next."""
        return self.frame * STEP_NS if self.rate is None else int(self.frame / self.rate * NS_PER_S)

    @property
    def seconds(self) -> float:
        """Event time from the first message to the last."""
        return -(-self.messages // self.frame) * self.interval_ns / NS_PER_S

    def event_ns(self, base: int, number: int) -> int:
        """Event time of message `number`."""
        frame, place = divmod(number, self.frame)
        return base + frame * self.interval_ns + place * STEP_NS

    def number(self, base: int, event_ns: int) -> int | None:
        """Which message happened at that time; None if none of these did."""
        frame, rest = divmod(event_ns - base, self.interval_ns)
        place, odd = divmod(rest, STEP_NS)
        number = frame * self.frame + place
        return number if not odd and place < self.frame and 0 <= number < self.messages else None


def round_base(ns: int) -> int:
    """A time at which a load may begin."""
    return -(-ns // STEP_NS) * STEP_NS


def messages(load: Load, base: int) -> Iterator[dict[str, Any]]:
    """The messages in order, trades and quotes mixed, as Alpaca's JSON has them."""
    draw = Random(load.seed)  # noqa: S311 - seeded test data
    symbols = symbols_of(load)
    prices = [draw.uniform(5, 900) for _ in symbols]
    for number in range(load.messages):
        which = draw.randrange(load.symbols)
        prices[which] = price = max(1.0, prices[which] * draw.uniform(0.9999, 1.0001))
        at = format_rfc3339(load.event_ns(base, number))
        if draw.random() < load.trades:
            yield _trade(draw, symbols[which], round(price, 2), number, at)
        else:
            yield _quote(draw, symbols[which], round(price, 2), at)


def symbols_of(load: Load) -> list[str]:
    """Its symbols, all different."""
    return [_symbol(number) for number in range(load.symbols)]


def _symbol(number: int) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return letters[number % 26] + letters[number // 26 % 26] + letters[(number * 7 + number // 676) % 26]


def _trade(draw: Random, symbol: str, price: float, number: int, at: str) -> dict[str, Any]:
    conditions = ["@", "I"] if draw.random() < 0.5 else ["@"]
    return {
        "T": "t",
        "S": symbol,
        "i": 52_983_525_000_000 + number,
        "x": draw.choice(_EXCHANGES),
        "p": price,
        "s": draw.choice((1, 10, 100, 100, 200)),
        "c": conditions,
        "z": "C",
        "t": at,
    }


def _quote(draw: Random, symbol: str, price: float, at: str) -> dict[str, Any]:
    return {
        "T": "q",
        "S": symbol,
        "ax": draw.choice(_EXCHANGES),
        "ap": round(price + 0.01, 2),
        "as": draw.randint(1, 20),
        "bx": draw.choice(_EXCHANGES),
        "bp": round(price - 0.01, 2),
        "bs": draw.randint(1, 20),
        "c": ["R"],
        "z": "C",
        "t": at,
    }


def frames(load: Load, base: int, encoding: Encoding) -> Iterator[bytes]:
    """The frames in order."""
    codec = JSON if encoding == "json" else MSGPACK
    frame: list[bytes] = []
    for message in messages(load, base):
        frame.append(msgspec.json.encode(message))
        if len(frame) == load.frame:
            yield codec.data(frame)
            frame.clear()
    if frame:
        yield codec.data(frame)


def records(load: Load, base: int, feed: str) -> Iterator[tuple[Channel, str, bytes]]:
    """What the forwarder makes of the load: channel, symbol and value of each record."""
    numbers: dict[tuple[Channel, str], int] = {}
    for number, message in enumerate(messages(load, base)):
        channel = Channel.TRADES if message.pop("T") == "t" else Channel.QUOTES
        symbol = message.pop("S")
        seq = numbers[channel, symbol] = numbers.get((channel, symbol), base // 1000) + 1
        at = load.event_ns(base, number)
        envelope = Envelope(
            version=VERSION,
            event_ts=at,
            ingest_ts=at,
            feed=feed,
            channel=channel,
            symbol=symbol,
            seq=seq,
            session=f"bench-{base // 1000:x}",
            source="ws",
            payload=msgspec.Raw(msgspec.json.encode(message)),
        )
        yield channel, symbol, encode_envelope(envelope)
