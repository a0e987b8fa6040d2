"""From records to prints and quotes: exact numbers, possible times, and what a print moves by its sale conditions."""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

import msgspec

from torghut.job.records import NS, QuoteRecord, TradeRecord
from torghut.job.tally import Print
from torghut.ta.conditions import conditions_of
from torghut.ta.errors import BadInputError, BadNumberError, UnknownFeedError
from torghut.ta.quotes import Quote
from torghut.ta.scaled import UNIT, price_in_range, scaled, size_in_range

_EXACT_BELOW: Final = 1e6
"""Below it, a float times 1e9 is off by less than a half: rounding gives the decimal that the source wrote."""
_AHEAD_NS: Final = 10 * NS
"""An event cannot have happened much later than it was received: one bad time must not close all seconds to come."""
_64_BITS: Final = (1 << 64) - 1
_MEMORY: Final = 20_000
"""Prices and sizes that are remembered; a market repeats few."""


class UnusableError(BadInputError):
    """A record that says nothing usable. `reason` is a word for the dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")


def exact(number: float | None) -> int:
    """A JSON number as a scaled integer (1e-9).

    Raises:
        BadNumberError: none, or not finite.
    """
    if number is None:
        raise BadNumberError("wanted a number, got none")
    if 0 < number < _EXACT_BELOW:
        return int(number * UNIT + 0.5)
    return scaled(number)


def check_time(event_ts: int, ingest_ts: int) -> None:
    """Refuse an impossible event time.

    Raises:
        UnusableError: it is before 1970, or later than the record was received, beyond all differences of clocks.
    """
    if not 0 <= event_ts <= ingest_ts + _AHEAD_NS:
        raise UnusableError("bad_time", f"event_ts {event_ts}, received {ingest_ts}")


def read_quote(record: QuoteRecord) -> Quote:
    """The quote that a record tells of.

    Raises:
        UnusableError: a price or size is negative or not finite, or the time is impossible.
    """
    check_time(record.event_ts, record.ingest_ts)
    values = record.payload
    bid, ask, bid_size, ask_size = values.bp, values.ap, values.bs, values.as_
    if 0 <= bid < inf and 0 <= ask < inf and 0 <= bid_size < inf and 0 <= ask_size < inf:
        return Quote(record.event_ts, record.seq, bid, ask, bid_size, ask_size)
    raise UnusableError("bad_number", f"quote {bid} {ask} {bid_size} {ask_size}")


class Kind(NamedTuple):
    """What a combination of venue and conditions means: what it moves (None: depends on the time), and its venue."""

    moves: int | None
    venue: int


class Reader:
    """Makes prints of records. Remembers the few combinations of conditions, and the prices and sizes, that recur."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, ...], Kind] = {}
        self._venues: dict[tuple[str, str], int] = {}
        self._prices: dict[float | None, int] = {}
        self._sizes: dict[float | None, int] = {}

    def identity(self, record: TradeRecord, trade_id: int | None) -> tuple[int, int]:
        """The numbers by which a tally finds a print: its id, and one for exchange and tape."""
        key = (record.payload.x, record.payload.z)
        return (trade_id or 0) & _64_BITS, self._venues.setdefault(key, len(self._venues))

    def read_trade(self, record: TradeRecord) -> Print:
        """The print that a trade record tells of.

        Raises:
            BadInputError: a number is impossible, or the feed is unknown.
        """
        payload = record.payload
        try:
            price, size = self._prices[payload.p], self._sizes[payload.s]
        except KeyError:
            price, size = self._numbers(payload.p, payload.s)
        conditions = payload.c
        key = (record.feed, payload.x, payload.z, *conditions) if conditions else (record.feed, payload.x, payload.z)
        try:
            moves, venue = self._kinds[key]
        except KeyError:
            moves, venue = self._kinds[key] = self._look_up(record, conditions)
        if moves is None:
            moves = int(conditions_of(record.feed).moves(conditions, payload.z, record.event_ts))
        return Print(
            record.event_ts, record.seq, price, size, moves, record.ingest_ts, (payload.i or 0) & _64_BITS, venue
        )

    def read_correction(self, record: TradeRecord, was: Print) -> Print:
        """What the print `was` is after the correction: it keeps its time and its place.

        Raises:
            BadInputError: a number is impossible.
        """
        payload = record.payload
        corrected = msgspec.structs.replace(payload, p=payload.cp, s=payload.cs, c=payload.cc, i=payload.ci)
        as_trade = msgspec.structs.replace(record, event_ts=was.event_ts, seq=was.seq, payload=corrected)
        return self.read_trade(as_trade)

    def _numbers(self, price: float | None, size: float | None) -> tuple[int, int]:
        """Both as scaled integers, remembered for the next time."""
        try:
            known = price_in_range(exact(price)), size_in_range(exact(size))
        except BadNumberError as error:
            raise UnusableError("bad_number", str(error)) from error
        for memory in (self._prices, self._sizes):
            if len(memory) >= _MEMORY:
                memory.clear()
        self._prices[price], self._sizes[size] = known
        return known

    def _look_up(self, record: TradeRecord, conditions: list[str] | None) -> Kind:
        try:
            table = conditions_of(record.feed)
        except UnknownFeedError as error:
            raise UnusableError("unknown_feed", str(error)) from error
        _, venue = self.identity(record, 0)
        if any(rule.in_regular_session and rule.code in (conditions or ()) for rule in table.rules):
            return Kind(None, venue)
        return Kind(int(table.moves(conditions, record.payload.z, 0)), venue)
