"""One event of the truth and one record, as a bucket's comparison sees them, and what they are matched by."""

from __future__ import annotations

from collections.abc import Hashable

from torghut.audit import identity
from torghut.audit.identity import Payload
from torghut.audit.model import Record, TruthEvent
from torghut.wire.topics import CHANNEL_TOPIC, Channel


class Entry:
    """An event of the truth, or several with the same bytes where only their number tells them apart.

    `required` of them had to arrive, `optional` ones may have (not covered, or outside of the window).
    """

    __slots__ = ("event", "found", "optional", "repaired", "required")

    def __init__(self, event: TruthEvent) -> None:
        self.event = event
        self.required = 0
        self.optional = 0
        self.found = 0
        self.repaired = 0

    @property
    def open(self) -> bool:
        """Whether it awaits another record."""
        return self.found < self.required + self.optional

    @property
    def missing(self) -> int:
        """How many records had to come and did not."""
        return max(0, self.required - self.found)


class Stranger:
    """A record with bytes that no event has; `known` once its event was found by other means."""

    __slots__ = ("known", "payload", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.payload = decode(record)
        self.known = False


def decode(row: TruthEvent | Record) -> Payload:
    """The payload's values, without history's mark where it may stand."""
    marked = isinstance(row, Record) and row.repaired and row.channel == Channel.TRADES
    return identity.decode_payload(row.payload, marked=marked)


def key(row: TruthEvent | Record, payload: Payload) -> Hashable:
    """What two rows about one event share, by the contract."""
    return row.channel, row.feed, row.symbol, identity.identity(row.channel, row.event_ts, payload)


def rough_key(row: TruthEvent | Record) -> Hashable:
    """What two rows with the same `key` share, without a look into their payloads."""
    return row.channel, row.feed, row.symbol, None if row.channel in identity.MARKED else row.event_ts


def coarse_key(row: TruthEvent | Record, payload: Payload) -> Hashable:
    """What a falsified record still shares with its event."""
    return row.channel, row.feed, row.symbol, identity.coarse(row.channel, row.event_ts, payload)


def where(record: Record) -> str:
    """Where the record is, as `topic[partition]@offset`."""
    return f"{CHANNEL_TOPIC[Channel(record.channel)].name}[{record.partition}]@{record.offset}"
