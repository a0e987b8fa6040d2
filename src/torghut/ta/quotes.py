"""The quote that stood at the end of a second.

Quotes are kept by event time, not by arrival: the last one of each second for as long as bars of that time can still
be made, and the last one before. A bar takes its quote once, when it closes; quotes that arrive later change the
bars that close later and no earlier one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from math import isfinite
from typing import Final, TypeAlias

import msgspec

from torghut.ta.errors import BadQuoteError, StateVersionError
from torghut.wire.envelope import QuoteState

_NS: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000
_VERSION: Final = 1
_LIMIT: Final = 512
"""More seconds than any revision horizon and watermark bound span; when full, the oldest second goes."""


class Quote(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask at `event_ts` (ns); ties by `seq`. A price of 0 is Alpaca's way to say "no quote"."""

    event_ts: int
    seq: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float

    @classmethod
    def parse(cls, text: str) -> Quote:
        """A quote from the text that the SQL reduction takes the MAX of: `event_ts|seq|bp|ap|bs|as`.

        Raises:
            BadQuoteError: not of that form, or a value is negative or not finite.
        """
        try:
            event_ts, seq, *values = text.split("|")
            quote = cls(int(event_ts), int(seq), *map(float, values))
        except (TypeError, ValueError) as error:
            raise BadQuoteError(f"wanted event_ts|seq|bp|ap|bs|as, got {text[:120]!r}") from error
        if all(isfinite(value) and value >= 0 for value in (quote.bid, quote.ask, quote.bid_size, quote.ask_size)):
            return quote
        raise BadQuoteError(f"wanted finite prices and sizes of at least 0, got {text[:120]!r}")

    def state_at(self, end: int) -> QuoteState:
        """The quote's part of a signal whose window ends at `end` (ns).

        `spread` = ask - bid, rounded to nine decimals (the float difference of two cents is not a cent); null unless
        both sides are quoted. `imbalance` = (bid_size - ask_size) / (bid_size + ask_size), null when both are 0.
        """
        sizes = self.bid_size + self.ask_size
        return QuoteState(
            bid=self.bid,
            ask=self.ask,
            bid_size=self.bid_size,
            ask_size=self.ask_size,
            spread=round(self.ask - self.bid, 9) if self.bid and self.ask else None,
            imbalance=(self.bid_size - self.ask_size) / sizes if sizes and isfinite(sizes) else None,
            age_ms=(end - self.event_ts) / _NS_PER_MS,
        )

    def pack(self) -> PackedQuote:
        """State form: prices and sizes as ten-thousandths (int) where that is exact. See `unpack`."""
        prices = _short(self.bid), _short(self.ask)
        return self.event_ts, self.seq, *prices, _short(self.bid_size), _short(self.ask_size)

    @classmethod
    def unpack(cls, packed: PackedQuote) -> Quote:
        """What `pack` packed."""
        event_ts, seq, *values = packed
        return cls(event_ts, seq, *(v / _COARSE if isinstance(v, int) else v for v in values))


PackedQuote: TypeAlias = tuple[int, int, int | float, int | float, int | float, int | float]
_COARSE: Final = 10_000


def _short(value: float) -> int | float:
    short = round(value * _COARSE) if value < 1e9 else -1
    return short if short / _COARSE == value else value


NO_QUOTE: Final = QuoteState(None, None, None, None, None, None, None)


class QuoteBook:
    """The last quotes of one symbol, one a second."""

    __slots__ = ("_by_second", "_seconds")

    def __init__(self) -> None:
        self._by_second: dict[int, Quote] = {}
        self._seconds: list[int] = []

    def __len__(self) -> int:
        return len(self._seconds)

    def apply(self, quote: Quote) -> None:
        """Take in a quote, of whatever event time."""
        second = quote.event_ts // _NS
        known = self._by_second.get(second)
        if known is not None and (quote.event_ts, quote.seq) < (known.event_ts, known.seq):
            return
        self._by_second[second] = quote
        if known is None:
            insort(self._seconds, second)
            if len(self._seconds) > _LIMIT:
                self._drop(1)

    def as_of(self, second: int) -> Quote | None:
        """The last quote known with event time before `second` (since the epoch) begins: a window's end."""
        index = bisect_left(self._seconds, second)
        return self._by_second[self._seconds[index - 1]] if index else None

    def trim(self, second: int) -> None:
        """Forget what no window that ends after `second` can need: all before it but the last."""
        index = bisect_left(self._seconds, second)
        if index > 1:
            self._drop(index - 1)

    def _drop(self, count: int) -> None:
        for second in self._seconds[:count]:
            del self._by_second[second]
        del self._seconds[:count]

    def snapshot(self) -> bytes:
        """State bytes, about 35 for each second with a quote."""
        return msgspec.msgpack.encode((_VERSION, [self._by_second[second].pack() for second in self._seconds]))

    @classmethod
    def restore(cls, data: bytes) -> QuoteBook:
        """The book that `snapshot` took.

        Raises:
            StateVersionError: it is not one, or one of another version.
        """
        try:
            version, rest = msgspec.msgpack.decode(data, type=tuple[int, msgspec.Raw])
            if version != _VERSION:
                raise StateVersionError(f"quotes: this code reads state of version {_VERSION}, got {version}")
            quotes = msgspec.msgpack.decode(rest, type=list[PackedQuote])
        except msgspec.MsgspecError as error:
            raise StateVersionError(f"quotes: wanted a snapshot of version {_VERSION}: {error}") from error
        book = cls()
        for quote in quotes:
            book.apply(Quote.unpack(quote))
        return book
