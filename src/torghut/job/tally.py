"""One second of one symbol: its prints, compactly, and their sums. The hot loop of the job ends here.

The same sums as `ta.bars.Partial`, made in place. The prints stay for as long as they can be cancelled or corrected;
then the sums are made anew from what is left, because a minimum or maximum cannot be undone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from torghut.ta.bars import Ends, Mark, Partial, Range
from torghut.ta.conditions import Moves

_WIDTH: Final = 8
_RANGE: Final = int(Moves.RANGE)
_EVERYTHING: Final = int(Moves.EVERYTHING)


class Print(NamedTuple):
    """A print. Times in ns, price and size scaled (`ta.scaled`), `moves` as `ta.Moves`.

    `trade_id` and `venue` (a number for exchange and tape) are its identity within the symbol. None is negative.
    """

    event_ts: int
    seq: int
    price: int
    size: int
    moves: int
    ingest_ts: int
    trade_id: int
    venue: int


class Tally:
    """A second in progress, or one that can still be revised."""

    __slots__ = ("_close", "_high", "_low", "_n", "_newest", "_notional", "_open", "_prints", "_volume", "feed", "span")

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self._prints = array("Q")
        self._newest = 0
        self._clear()

    def _clear(self) -> None:
        self._n = self._volume = self._notional = self._low = self._high = 0
        self._open: tuple[int, int, int] | None = None
        self._close: tuple[int, int, int] | None = None
        self.span: tuple[int, int] | None = None

    def add(self, one: Print) -> None:
        """Count a print.

        Raises:
            OverflowError: a number of it is negative or beyond 64 bits; nothing was changed.
        """
        prints = self._prints
        try:
            prints.extend(one)
        except OverflowError:
            del prints[len(prints) // _WIDTH * _WIDTH :]  # what came before the number that does not fit
            raise
        self._count(one)

    def _count(self, one: Print) -> None:
        event_ts, seq, price, size, moves, ingest_ts, _, _ = one
        if not moves:
            return
        self._n += 1
        self._volume += size
        self._notional += price * size
        if ingest_ts > self._newest:  # noqa: PLR1730 - `max` is a call, once for every print
            self._newest = ingest_ts
        span = self.span
        if span is None:
            self.span = (event_ts, event_ts)
        elif event_ts > span[1]:
            self.span = (span[0], event_ts)
        elif event_ts < span[0]:
            self.span = (event_ts, span[1])
        if moves >= _RANGE:
            if price > self._high:  # noqa: PLR1730 - as above
                self._high = price
            if price < self._low or not self._low:
                self._low = price
            if moves == _EVERYTHING:
                self._mark((event_ts, seq, price))

    def _mark(self, mark: tuple[int, int, int]) -> None:
        if self._close is None or self._open is None:
            self._open = self._close = mark
        elif mark > self._close:
            self._close = mark
        elif mark < self._open:
            self._open = mark

    def partial(self, second: int) -> Partial:
        """The value of the sums."""
        if self.span is None:
            return Partial.empty(second, self._newest)
        ends = None if self._open is None or self._close is None else Ends(Mark(*self._open), Mark(*self._close))
        extremes = Range(self._low, self._high) if self._high else None
        first, last = self.span
        return Partial(second, self._n, ends, extremes, self._volume, self._notional, first, last, self._newest)

    @property
    def is_empty(self) -> bool:
        """Whether no print counts."""
        return not self._n

    def find(self, trade_id: int, venue: int) -> Print | None:
        """The print with this identity, the newest if there are several."""
        return next((one for one in self._newest_first() if one.trade_id == trade_id and one.venue == venue), None)

    def _newest_first(self) -> Iterator[Print]:
        prints = self._prints
        for at in range(len(prints) - _WIDTH, -1, -_WIDTH):
            yield Print(*prints[at : at + _WIDTH])

    def replace(self, was: Print, now: Print | None, ingest_ts: int) -> None:
        """Put `now` in the place of a print that is there, or take it away (None), as told at `ingest_ts`.

        Raises:
            OverflowError: a number is negative or beyond 64 bits; nothing was changed.
        """
        kept = list(self._newest_first())
        at = kept.index(was)
        kept[at : at + 1] = [] if now is None else [now]
        anew = array("Q")
        for one in reversed(kept):
            anew.extend(one)
        self._prints = anew
        self._clear()
        for one in kept:
            self._count(one)
        self._newest = max(self._newest, ingest_ts)
