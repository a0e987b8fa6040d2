"""Micro-bars by event time: prints of one second, added up in any order and any grouping.

`Partial` is a commutative monoid: `merge` is associative and commutative, `Partial.empty` is its identity. Open and
close carry (event time, seq, price), so that the smallest and the largest decide and arrival does not matter; sums
are exact integers (see `scaled`). `finish` makes the bar of it. The forms that a partial takes outside of Python (a
row of the SQL reduction, bytes in state) are in `partial_forms`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from torghut.ta.conditions import Moves
from torghut.ta.errors import BadPartialError
from torghut.ta.scaled import UNIT, price_in_range, size_in_range
from torghut.wire.envelope import MicroBar

NS: Final = 1_000_000_000


class Print(msgspec.Struct, frozen=True, gc=False):
    """One trade as the bars see it. Times in ns, price and size scaled (`scaled.scaled`)."""

    event_ts: int
    seq: int
    price: int
    size: int
    ingest_ts: int


class Mark(NamedTuple):
    """A price and when it was made. Ordered by event time, ties by `seq`."""

    event_ts: int
    seq: int
    price: int


class Ends(NamedTuple):
    """The first and the last price of a second."""

    open: Mark
    close: Mark


class Range(NamedTuple):
    """The lowest and the highest price of a second."""

    low: int
    high: int


class SecondBar(msgspec.Struct, frozen=True, gc=False):
    """A finished second: what indicators see. `second` since the epoch; `values` is the record's payload.

    `volume` (scaled) and `notional` (1e-18) are the exact sums behind `values.v` and `values.vwap`.
    """

    second: int
    values: MicroBar
    volume: int
    notional: int

    @property
    def close(self) -> float | None:
        """The close; None in a second whose prints may not set it."""
        return self.values.c


class Partial(msgspec.Struct, frozen=True, gc=False):
    """Prints of one second, added up. Prices and `volume` scaled, `notional` in units of 1e-18, times in ns.

    `ends` and `range` are None without a print that moves them; `first_ts`, `last_ts` and `ingest_ts` (the newest
    that contributed) are 0 without a counted print. An `ingest_ts` with `n` = 0 is that of the cancel that made it so.
    """

    second: int
    n: int = 0
    ends: Ends | None = None
    range: Range | None = None
    volume: int = 0
    notional: int = 0
    first_ts: int = 0
    last_ts: int = 0
    ingest_ts: int = 0

    @classmethod
    def empty(cls, second: int, ingest_ts: int = 0) -> Partial:
        """No print at all."""
        return cls(second, ingest_ts=ingest_ts)

    @classmethod
    def from_print(cls, trade: Print, moves: Moves) -> Partial:
        """One print. One that moves nothing gives an empty partial.

        Raises:
            BadNumberError: price or size is zero, negative or huge.
        """
        price, size, at = price_in_range(trade.price), size_in_range(trade.size), trade.event_ts
        if moves is Moves.NOTHING:
            return cls(at // NS)
        mark = Mark(at, trade.seq, price)
        ends = Ends(mark, mark) if moves is Moves.EVERYTHING else None
        extremes = Range(price, price) if moves >= Moves.RANGE else None
        return cls(at // NS, 1, ends, extremes, size, price * size, at, at, trade.ingest_ts)

    def merge(self, other: Partial) -> Partial:
        """Both together.

        Raises:
            BadPartialError: they are of different seconds.
        """
        if self.second != other.second:
            raise BadPartialError(f"wanted a partial of second {self.second}, got one of {other.second}")
        if not self.n or not other.n:
            return self._merge_empty(other)
        ends, more = self.ends, other.ends
        if ends is None:
            ends = more
        elif more is not None:
            ends = Ends(min(ends.open, more.open), max(ends.close, more.close))
        extremes, wider = self.range, other.range
        if extremes is None:
            extremes = wider
        elif wider is not None:
            extremes = Range(min(extremes.low, wider.low), max(extremes.high, wider.high))
        return Partial(
            self.second,
            self.n + other.n,
            ends,
            extremes,
            self.volume + other.volume,
            self.notional + other.notional,
            min(self.first_ts, other.first_ts),
            max(self.last_ts, other.last_ts),
            max(self.ingest_ts, other.ingest_ts),
        )

    def _merge_empty(self, other: Partial) -> Partial:
        counted, rest = (self, other) if self.n else (other, self)
        if rest.ingest_ts <= counted.ingest_ts:
            return counted
        return msgspec.structs.replace(counted, ingest_ts=rest.ingest_ts)

    def limited(self, moves: Moves) -> Partial:
        """The same prints, moving no more than this (and being counted)."""
        if moves is Moves.EVERYTHING:
            return self
        extremes = self.range if moves is Moves.RANGE else None
        return msgspec.structs.replace(self, ends=None, range=extremes)

    def finish(self) -> SecondBar:
        """The bar. Without a print that sets open and close all four prices are null; with `n` = 0 vwap too."""
        ends, extremes = self.ends, self.range
        prices: tuple[float | None, float | None, float | None, float | None] = (None, None, None, None)
        if ends is not None and extremes is not None:
            prices = ends.open.price / UNIT, extremes.high / UNIT, extremes.low / UNIT, ends.close.price / UNIT
        values = MicroBar(
            o=prices[0],
            h=prices[1],
            l=prices[2],
            c=prices[3],
            v=self.volume / UNIT,
            n=self.n,
            vwap=self.notional / (self.volume * UNIT) if self.volume else None,
            first_ts=self.first_ts if self.n else None,
            last_ts=self.last_ts if self.n else None,
        )
        return SecondBar(self.second, values, self.volume, self.notional)
