"""The quotes of one partition's symbols.

A quote that its topic's watermark had passed before it came is kept back until that watermark is closed: whether it
arrived before the bars of then were made is chance, and must not show in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from torghut.job.clock import NS, Clock
from torghut.job.reading import read_quote
from torghut.job.records import Decoded, QuoteRecord
from torghut.ta.errors import BadInputError
from torghut.ta.quotes import Quote, QuoteBook


class Quoted:
    """See the module. `load`: the saved quote of a symbol, None if there is none."""

    def __init__(self, clock: Clock, load: Callable[[str], bytes | None]) -> None:
        self._clock: Final = clock
        self._load: Final = load
        self._books: Final[dict[str, QuoteBook]] = {}
        self._late: list[tuple[int, str, Quote]] = []
        self._seconds: Final[dict[int, set[str]]] = {}

    def fold(self, decoded: Decoded[QuoteRecord], newest: int) -> int:
        """Take in a batch. `newest`: the newest event time in the log before it; returns that after it."""
        bound_ns = self._clock.bound_ns
        for at, record in enumerate(decoded.records):
            try:
                quote = read_quote(record)
            except BadInputError as error:
                decoded.refuse(at, str(error))
                continue
            passed = (newest - bound_ns) // NS - 1
            if record.event_ts // NS <= passed:
                self._late.append((passed, record.symbol, quote))
            else:
                self._keep(record.symbol, quote)
            newest = max(newest, record.event_ts)
        return newest

    def _keep(self, symbol: str, quote: Quote) -> None:
        self._book(symbol).apply(quote)
        second = quote.event_ts // NS
        symbols = self._seconds.get(second)
        if symbols is None:
            symbols = self._seconds[second] = set()
        symbols.add(symbol)

    def _book(self, symbol: str) -> QuoteBook:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = QuoteBook()
            if (saved := self._load(symbol)) is not None:
                book.apply(msgspec.msgpack.decode(saved, type=Quote))
        return book

    def at_end_of(self, symbol: str, second: int) -> Quote | None:
        """The quote that stands at the end of a second."""
        return self._book(symbol).as_of(second + 1)

    def admit(self, second: int) -> None:
        """Show the late quotes that a window of this second may see."""
        if self._late:
            due = [late for late in self._late if late[0] < second]
            self._late = [late for late in self._late if late[0] >= second]
            for _, symbol, quote in due:
                self._keep(symbol, quote)

    def settle(self, closed: int, floor: int) -> dict[str, bytes]:
        """What to save: the quotes that stand at the end of `closed`, where they are others now."""
        saved = {}
        for second in sorted(second for second in self._seconds if second <= closed):
            for symbol in self._seconds.pop(second):
                if (quote := self.at_end_of(symbol, closed)) is not None:
                    saved[symbol] = msgspec.msgpack.encode(quote)
                self._book(symbol).trim(floor)
        return saved
