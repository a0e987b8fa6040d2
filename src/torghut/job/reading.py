"""From records to prints and quotes: exact numbers, possible times, and what a print moves by its sale conditions."""

from __future__ import annotations

from math import inf
from typing import Final

from torghut.job.records import NS, QuoteRecord, TradeRecord
from torghut.job.tally import Print
from torghut.ta.conditions import Moves, conditions_of
from torghut.ta.errors import BadInputError, BadNumberError, UnknownFeedError
from torghut.ta.quotes import Quote
from torghut.ta.scaled import UNIT, price_in_range, scaled, size_in_range

_EXACT_BELOW: Final = 1e6
"""Below it, a float times 1e9 is off by less than a half: rounding gives the decimal that the source wrote."""
_AHEAD_NS: Final = 10 * NS
"""An event cannot have happened much later than it was received: one bad time must not close all seconds to come."""


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


class Reader:
    """Makes prints of records. Remembers the few combinations of conditions and venues that occur."""

    def __init__(self) -> None:
        self._moves: dict[tuple[str, ...], int | None] = {}
        self._venues: dict[tuple[str, str], int] = {}

    def venue(self, record: TradeRecord) -> int:
        """A number for the record's exchange and tape."""
        return self._venues.setdefault((record.payload.x, record.payload.z), len(self._venues))

    def read_trade(self, record: TradeRecord) -> Print:
        """The print that a trade record tells of.

        Raises:
            BadInputError: a number is impossible, or the feed is unknown.
        """
        payload = record.payload
        return self._print(record, payload.p, payload.s, payload.c, payload.i)

    def read_correction(self, record: TradeRecord, was: Print) -> Print:
        """What the print `was` is after the correction: it keeps its time and its place.

        Raises:
            BadInputError: a number is impossible.
        """
        payload = record.payload
        now = self._print(record, payload.cp, payload.cs, payload.cc, payload.ci)
        return now._replace(event_ts=was.event_ts, seq=was.seq, moves=self._moved(record, payload.cc, was.event_ts))

    def _print(
        self,
        record: TradeRecord,
        price: float | None,
        size: float | None,
        conditions: list[str] | None,
        trade_id: int | None,
    ) -> Print:
        try:
            exact_price, exact_size = price_in_range(exact(price)), size_in_range(exact(size))
        except BadNumberError as error:
            raise UnusableError("bad_number", str(error)) from error
        return Print(
            record.event_ts,
            record.seq,
            exact_price,
            exact_size,
            self._moved(record, conditions, record.event_ts) if conditions else int(Moves.EVERYTHING),
            record.ingest_ts,
            trade_id or 0,
            self.venue(record),
        )

    def _moved(self, record: TradeRecord, conditions: list[str] | None, event_ts: int) -> int:
        key = (record.feed, record.payload.z, *(conditions or ()))
        try:
            moves = self._moves[key]
        except KeyError:
            moves = self._moves[key] = self._look_up(record, conditions)
        if moves is None:
            return conditions_of(record.feed).moves(conditions, record.payload.z, event_ts)
        return moves

    def _look_up(self, record: TradeRecord, conditions: list[str] | None) -> int | None:
        """The outcome, if it is the same at every time of day."""
        try:
            table = conditions_of(record.feed)
        except UnknownFeedError as error:
            raise UnusableError("unknown_feed", str(error)) from error
        if any(rule.in_regular_session and rule.code in (conditions or ()) for rule in table.rules):
            return None
        return table.moves(conditions, record.payload.z, 0)
