"""The two things an audit compares: an event that happened and a record that Kafka holds.

Both are flat rows that can be written to disk and read back, since millions of them must not stay in memory. Times
are ns since the epoch. Channels are the contract's names; `payload` is the JSON of Alpaca's message without
`T` and `S`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from torghut.wire.topics import Channel

CHANNELS: Final[tuple[Channel, ...]] = (
    Channel.TRADES,
    Channel.CORRECTIONS,
    Channel.CANCEL_ERRORS,
    Channel.QUOTES,
    Channel.BARS,
    Channel.UPDATED_BARS,
    Channel.STATUSES,
    Channel.LULDS,
)
"""What the forwarder writes, and so what is audited here. TA's channels are recomputed, not matched."""


class TruthEvent(msgspec.Struct, array_like=True, gc=False):
    """An event that happened at `happened_ns`, by the truth's clock; `event_ts` is its own time (`t`).

    `place` decides the bucket in which it is compared; see `identity.place`.
    """

    channel: str
    feed: str
    symbol: str
    event_ts: int
    place: int
    happened_ns: int
    payload: bytes


class Record(msgspec.Struct, array_like=True, gc=False):
    """A record as Kafka holds it. `event_ts` is its payload's `t`; whether its envelope agrees is judged on reading."""

    channel: str
    feed: str
    symbol: str
    event_ts: int
    place: int
    ingest_ns: int
    repaired: bool
    partition: int
    offset: int
    payload: bytes


class Coverage(Protocol):
    """Which events had to arrive."""

    def covers(self, feed: str, channel: str, symbol: str, ns: int) -> bool:
        """Whether an event at `ns` was wanted: an acknowledged subscription contained it."""

    def delivers(self, feed: str, ns: int) -> bool:
        """Whether a healthy acknowledged connection was there at `ns`."""


class Truth(Protocol):
    """Where the truth comes from: the simulator's ledger or Alpaca's history."""

    @property
    def coverage(self) -> Coverage:
        """Coverage by all that was read so far."""

    @property
    def injected(self) -> dict[str, int]:
        """Bad frames that were put on the wire on purpose, by kind."""

    @property
    def channels(self) -> frozenset[Channel]:
        """The channels about which this source knows everything; others are not judged."""

    def read(self) -> Iterator[TruthEvent]:
        """Events not yet read. Called again, it goes on where it stopped."""
