"""The prints of one partition, by second and symbol: those of open seconds, and those that can still be revised.

A record whose second the log's own watermark had passed before it came is late, and is applied after that second's bar
is made, however the records were batched. So the same log gives the same bars, and the same of them revised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from torghut.job.clock import NS, Clock
from torghut.job.reading import Reader, UnusableError, check_time
from torghut.job.records import Decoded, TradeRecord, Unreadable
from torghut.job.tally import Print, Tally
from torghut.ta.errors import BadInputError

Revise = Callable[[str, int], None]
"""Told a symbol and a closed second of it whose prints changed."""


class Folded(NamedTuple):
    """What a batch brought: the newest event time so far, and by symbol the newest open second that it touched."""

    newest: int
    touched: dict[str, int]


class _Deferred(NamedTuple):
    """A late record that waits for its second to be closed; `trade_id`: the id that its print has, or will have."""

    record: TradeRecord
    trade: Print | None
    trade_id: int
    venue: int
    line: str


class Prints:
    """See the module. Give it batches in the order of the log."""

    def __init__(self, clock: Clock, last_print: int = -1) -> None:
        self.last_print = last_print
        self.seconds: Final[dict[int, dict[str, Tally]]] = {}
        self.refused: list[Unreadable] = []
        self._clock: Final = clock
        self._reader: Final = Reader()
        self._deferred: Final[dict[int, list[_Deferred]]] = {}
        self._dirty: Final[set[tuple[int, str]]] = set()

    def fold(self, decoded: Decoded[TradeRecord], newest: int, floor: int, revise: Revise) -> Folded:
        """Take in a batch.

        Args:
            decoded: the records; what cannot be used is refused.
            newest: the newest event time in the log before it, ns.
            floor: the oldest second that can be revised.
            revise: called for every closed second that changed.
        """
        touched: dict[str, int] = {}
        closed, bound_ns = self._clock.closed, self._clock.bound_ns
        for at, record in enumerate(decoded.records):
            event_ts, symbol = record.event_ts, record.symbol
            try:
                check_time(event_ts, record.ingest_ts)
                passed = (newest - bound_ns) // NS - 1
                if record.channel == "trades":
                    second = self._take_trade(record, floor, passed, decoded, at)
                else:
                    second = self._take_change(record, passed, decoded, at, revise)
            except (BadInputError, OverflowError) as error:
                decoded.refuse(at, str(error))
                continue
            newest = max(newest, event_ts)
            if second > closed and touched.get(symbol, -1) < second:
                touched[symbol] = second
        self.flush(revise)
        return Folded(newest, touched)

    def _take_trade(self, record: TradeRecord, floor: int, passed: int, decoded: Decoded[TradeRecord], at: int) -> int:
        second = record.event_ts // NS
        if second < floor:
            raise UnusableError("too_late", f"second {second} is closed for good: wanted {floor} or later")
        trade = self._reader.read_trade(record)
        if self._clock.closed < second <= passed:
            late = _Deferred(record, trade, trade.trade_id, trade.venue, decoded.line(at))
            self._deferred.setdefault(second, []).append(late)
        else:
            self._add(record, trade, second)
        return second

    def _add(self, record: TradeRecord, trade: Print, second: int) -> None:
        by_symbol = self.seconds.get(second)
        if by_symbol is None:
            by_symbol = self.seconds[second] = {}
        tally = by_symbol.get(record.symbol)
        if tally is None:
            tally = by_symbol[record.symbol] = Tally(record.feed)
        tally.add(trade)
        if second <= self._clock.closed:
            self._dirty.add((second, record.symbol))
        if second > self.last_print:  # noqa: PLR1730 - `max` is a call, once for every print
            self.last_print = second

    def _take_change(
        self, record: TradeRecord, passed: int, decoded: Decoded[TradeRecord], at: int, revise: Revise
    ) -> int:
        is_correction = record.channel == "corrections"
        trade_id, venue = self._reader.identity(record, record.payload.oi if is_correction else record.payload.i)
        second = self._second_of(record.symbol, trade_id, venue)
        if second is None:
            raise UnusableError("unknown_trade", f"{record.channel} of trade {trade_id}, which is not among those kept")
        if self._clock.closed < second <= passed:
            becomes = self._reader.identity(record, record.payload.ci)[0] if is_correction else trade_id
            late = _Deferred(record, None, becomes, venue, decoded.line(at))
            self._deferred.setdefault(second, []).append(late)
        else:
            self._change(record, second, revise)
        return second

    def _second_of(self, symbol: str, trade_id: int, venue: int) -> int | None:
        """The second of the print with this identity, the newest if there are several."""
        for second in sorted(self.seconds.keys() | self._deferred.keys(), reverse=True):
            tally = self.seconds.get(second, {}).get(symbol)
            if tally is not None and tally.find(trade_id, venue) is not None:
                return second
            for late in self._deferred.get(second, ()):
                if (late.record.symbol, late.trade_id, late.venue) == (symbol, trade_id, venue):
                    return second
        return None

    def _change(self, record: TradeRecord, second: int, revise: Revise) -> None:
        """Apply a correction or a cancel to its print in that second."""
        key = second, record.symbol
        if key in self._dirty:  # or a bar could come and go within a batch, unseen
            self._dirty.discard(key)
            revise(record.symbol, second)
        is_correction = record.channel == "corrections"
        identity = self._reader.identity(record, record.payload.oi if is_correction else record.payload.i)
        tally = self.seconds.get(second, {}).get(record.symbol)
        was = None if tally is None else tally.find(*identity)
        if tally is None or was is None:
            raise UnusableError("unknown_trade", f"{record.channel} of trade {identity[0]}, which is gone already")
        tally.replace(was, self._reader.read_correction(record, was) if is_correction else None, record.ingest_ts)
        if second <= self._clock.closed:
            self._dirty.add(key)

    def apply_late(self, second: int, revise: Revise) -> None:
        """That second's bars are made: apply what came late for it."""
        for late in self._deferred.pop(second, ()):
            try:
                if late.trade is not None:
                    self._add(late.record, late.trade, second)
                else:
                    self._change(late.record, second, revise)
            except (BadInputError, OverflowError) as error:
                self.refused.append(Unreadable(late.line, str(error)))
        self.flush(revise)

    def flush(self, revise: Revise) -> None:
        """Tell of every closed second that changed."""
        for second, symbol in sorted(self._dirty):
            revise(symbol, second)
        self._dirty.clear()

    def due(self, before: int, closed: int) -> list[int]:
        """The seconds after `before` up to `closed` that have prints, ascending."""
        return sorted(second for second in self.seconds.keys() | self._deferred.keys() if before < second <= closed)

    def forget(self, floor: int) -> None:
        """Forget seconds before `floor`."""
        for second in [second for second in self.seconds if second < floor]:
            del self.seconds[second]
