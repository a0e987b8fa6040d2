"""Subscriptions: which symbols of which channels, as wanted by us or as acknowledged by the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from torghut.wire.topics import Channel

EVERY_SYMBOL: Final = "*"

Action = Literal["subscribe", "unsubscribe"]

_none: Final[frozenset[str]] = frozenset()
_ALPACA_NAMES: Final = {"updated_bars": "updatedBars", "cancel_errors": "cancelErrors"}


class Subscription(msgspec.Struct, frozen=True, rename=_ALPACA_NAMES):
    """Symbols per channel; the fields' encoded names are Alpaca's.

    A client asks for the first six. `corrections` and `cancel_errors` come with trades by themselves and are seen
    in acknowledgements only.
    """

    trades: frozenset[str] = _none
    quotes: frozenset[str] = _none
    bars: frozenset[str] = _none
    updated_bars: frozenset[str] = _none
    statuses: frozenset[str] = _none
    lulds: frozenset[str] = _none
    corrections: frozenset[str] = _none
    cancel_errors: frozenset[str] = _none

    def __bool__(self) -> bool:
        return any(self.symbols(channel) for channel in STREAMED)

    @classmethod
    def of(cls, channels: Iterable[str], symbols: Iterable[str]) -> Subscription:
        """The same symbols in each of `channels` (names of the contract; six can be asked for)."""
        wanted = frozenset(symbols)
        return cls(**dict.fromkeys((Channel(channel).value for channel in channels), wanted))

    def symbols(self, channel: Channel) -> frozenset[str]:
        """The symbols of one channel."""
        found: frozenset[str] = getattr(self, channel.value)
        return found

    def channels(self) -> tuple[Channel, ...]:
        """The channels that have symbols."""
        return tuple(channel for channel in STREAMED if self.symbols(channel))

    def less(self, other: Subscription) -> Subscription:
        """What stands here and not there, by name: `*` is a name like any other."""
        return Subscription(**{c.value: self.symbols(c) - other.symbols(c) for c in ASKABLE})

    def not_covered_by(self, state: Subscription) -> Subscription:
        """What is wanted here and not delivered under `state`: `*` covers every symbol of its channel."""
        return Subscription(
            **{
                c.value: _none if EVERY_SYMBOL in state.symbols(c) else self.symbols(c) - state.symbols(c)
                for c in ASKABLE
            }
        )

    def parts(self, symbols_at_once: int) -> Iterator[Subscription]:
        """The same in pieces of at most so many symbols; all channels of a symbol stay together."""
        names = sorted(frozenset[str]().union(*(self.symbols(c) for c in ASKABLE)))
        for start in range(0, len(names), symbols_at_once):
            piece = frozenset(names[start : start + symbols_at_once])
            yield Subscription(**{c.value: self.symbols(c) & piece for c in ASKABLE})

    def by_channel(self) -> Iterator[Subscription]:
        """The same, one channel each."""
        for channel in self.channels():
            yield Subscription(**{channel.value: self.symbols(channel)})

    def request(self, action: Action) -> bytes:
        """The client's message that asks for this."""
        body: dict[str, object] = {"action": action}
        for channel in ASKABLE:
            if self.symbols(channel):
                body[_ALPACA_NAMES.get(channel, channel.value)] = sorted(self.symbols(channel))
        return msgspec.json.encode(body)


ASKABLE: Final = (
    Channel.TRADES,
    Channel.QUOTES,
    Channel.BARS,
    Channel.UPDATED_BARS,
    Channel.STATUSES,
    Channel.LULDS,
)
"""The channels that a client asks for."""

STREAMED: Final = (*ASKABLE, Channel.CORRECTIONS, Channel.CANCEL_ERRORS)
"""All channels that a subscription can hold."""
