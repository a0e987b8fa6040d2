"""One partition's symbols: batches of records in, records to write out. The heart of the job, without Flink or Kafka.

A shard takes batches of trades and quotes in offset order, closes seconds when the partition's clock says so, and
revises closed ones. It writes nothing itself: outputs and changed state are collected, and taken by the operator. All
that it keeps beyond that state (open seconds, revisable prints, quotes of the last minute) follows from the log and is
rebuilt from it after a restore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, NamedTuple

import msgspec

from torghut.job.clock import NS, Bounds, Clock, TopicClock
from torghut.job.published import Place, Published
from torghut.job.reading import Reader, UnusableError, check_time, read_quote
from torghut.job.records import (
    Batch,
    Decoded,
    Output,
    QuoteRecord,
    TradeRecord,
    Unreadable,
    Writer,
    decode_quotes,
    decode_trades,
    encode_payload,
)
from torghut.job.tally import Tally
from torghut.ta.conditions import conditions_of
from torghut.ta.errors import BadInputError, StateVersionError
from torghut.ta.quotes import Quote, QuoteBook
from torghut.ta.sessions import SessionPlan
from torghut.ta.signals import Result, SignalState
from torghut.ta.suite import Suite, installed_indicators
from torghut.wire.topics import QUOTES, TRADES, Channel, Topic, full_name

VERSION: Final = 1
_FRESH_NS: Final = 2 * NS
"""Nobody waits for a provisional value of records that were received longer ago than this."""
_MARGIN_S: Final = 15
"""A rebuild reads this much more than it needs, so that it knows which quotes came late."""


class Rules(msgspec.Struct, frozen=True):
    """What the job is configured to do."""

    bounds: Bounds = Bounds()
    revision_s: int = 60
    reset_on_session: bool = False
    topic_prefix: str = ""


class TopicProgress(msgspec.Struct, frozen=True, array_like=True):
    """How far a topic's log was taken in: the next offset, the newest event time, where recent seconds start."""

    next_offset: int
    newest: int
    starts: list[tuple[int, int]]


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """A shard's state apart from its symbols'. `wall_ns`: when it was taken. `last_print`: newest second with one."""

    closed: int
    last_print: int
    trades: TopicProgress
    quotes: TopicProgress
    wall_ns: int


def dump_progress(progress: Progress) -> bytes:
    """State bytes."""
    return msgspec.msgpack.encode((VERSION, progress))


def load_progress(data: bytes) -> Progress:
    """The progress of the bytes.

    Raises:
        StateVersionError: they are of another version, or something else.
    """
    try:
        version, rest = msgspec.msgpack.decode(data, type=tuple[int, msgspec.Raw])
        if version != VERSION:
            raise StateVersionError(
                f"this job reads state of version {VERSION}, got {version}: submit the tag that wrote it, or start "
                "without state"
            )
        return msgspec.msgpack.decode(rest, type=Progress)
    except msgspec.MsgspecError as error:
        raise StateVersionError(f"wanted a shard's state of version {VERSION}: {error}") from error


class Symbols(NamedTuple):
    """Where a shard's symbols are kept: reading their saved state by symbol, None where there is none."""

    signal: Callable[[str], bytes | None]
    quote: Callable[[str], bytes | None]


class Changes(NamedTuple):
    """State to save: by symbol, and the shard's own."""

    signals: dict[str, bytes]
    quotes: dict[str, bytes]
    progress: Progress


class Counts(msgspec.Struct):
    """What the shard has done, for the job's status."""

    records: int = 0
    late: int = 0
    written: int = 0


class Shard:
    """The symbols of one partition."""

    def __init__(
        self, rules: Rules, writer: Writer, symbols: Symbols, now_ns: int, saved: Progress | None = None
    ) -> None:
        """A shard as it was saved, or a new one. Times of the wall clock are in ns."""
        self.counts: Final = Counts()
        self.published: Final = Published()
        self._rules: Final = rules
        self._writer: Final = writer
        self._symbols: Final = symbols
        self._reader: Final = Reader()
        self._states: Final[dict[str, SignalState]] = {}
        self._books: Final[dict[str, QuoteBook]] = {}
        self._seconds: dict[int, dict[str, Tally]] = {}
        self._late_quotes: list[tuple[int, str, Quote]] = []
        self._quoted: dict[int, set[str]] = {}
        self._outputs: list[Output] = []
        self._changed: set[str] = set()
        self._saved_quotes: dict[str, bytes] = {}
        self._last_print = -1 if saved is None else saved.last_print
        self.clock: Final = Clock(
            rules.bounds,
            TopicClock(now_ns) if saved is None else _topic_clock(saved.trades, now_ns),
            TopicClock(now_ns) if saved is None else _topic_clock(saved.quotes, now_ns),
            -1 if saved is None else saved.closed,
        )

    def take_trades(self, batch: Batch, now_ns: int) -> None:
        """Take in trades, corrections and cancels; `now_ns` is the wall clock's time."""
        decoded = decode_trades(batch.text)
        touched: dict[str, int] = {}
        dirty: set[tuple[int, str]] = set()
        newest = self._fold_trades(decoded, touched, dirty)
        self.counts.records += len(decoded.records)
        self.clock.trades.hear(batch.first, batch.last, newest, now_ns)
        self._report(decoded.unreadable, TRADES, now_ns)
        for second, symbol in sorted(dirty):
            self._revise(symbol, second)
        self.advance(now_ns)
        if decoded.records and now_ns - decoded.records[-1].ingest_ts < _FRESH_NS:
            for symbol, second in touched.items():
                self._preview(symbol, second)

    def take_quotes(self, batch: Batch, now_ns: int) -> None:
        """Take in quotes."""
        decoded = decode_quotes(batch.text)
        newest = self._fold_quotes(decoded, self.clock.quotes.newest)
        self.counts.records += len(decoded.records)
        self.clock.quotes.hear(batch.first, batch.last, newest, now_ns)
        self._report(decoded.unreadable, QUOTES, now_ns)
        self.advance(now_ns)

    def rebuild(self, trades: Iterable[str], quotes: Iterable[str]) -> None:
        """Take in again what the log has held since `rebuild_from`, up to the saved offsets: nothing is written."""
        for text in trades:
            self._fold_trades(decode_trades(text), {}, set())
        newest = 0
        for text in quotes:
            newest = self._fold_quotes(decode_quotes(text), newest)
        self.counts.late = 0
        self._admit_quotes(self.clock.closed)

    @property
    def rebuild_from(self) -> tuple[int, int]:
        """The offsets in trades and quotes from where the log is needed."""
        second = self._floor - _MARGIN_S
        return self.clock.trades.start_of(second), self.clock.quotes.start_of(second)

    @property
    def _floor(self) -> int:
        """The oldest second that can be revised."""
        return self.clock.closed - self._rules.revision_s

    def _fold_trades(self, decoded: Decoded[TradeRecord], touched: dict[str, int], dirty: set[tuple[int, str]]) -> int:
        """Add the records to their seconds. Returns the newest event time.

        Args:
            decoded: the records; what cannot be used is refused.
            touched: gets the newest open second of every symbol that has one.
            dirty: gets the closed seconds that changed.
        """
        closed, floor, newest = self.clock.closed, self._floor, 0
        for at, record in enumerate(decoded.records):
            event_ts, symbol = record.event_ts, record.symbol
            try:
                check_time(event_ts, record.ingest_ts)
                second = self._print(record, floor) if record.channel == "trades" else self._change(record)
            except (BadInputError, OverflowError) as error:
                decoded.refuse(at, str(error))
                continue
            if event_ts > newest:  # noqa: PLR1730 - `max` is a call, once for every record
                newest = event_ts
            if second <= closed:
                dirty.add((second, symbol))
            elif touched.get(symbol, -1) < second:
                touched[symbol] = second
        return newest

    def _print(self, record: TradeRecord, floor: int) -> int:
        """Add a trade to its second, and return that.

        Raises:
            BadInputError: it came too late, or what it says is impossible.
            OverflowError: a number is beyond 64 bits.
        """
        second = record.event_ts // NS
        if second < floor:
            raise UnusableError("too_late", f"second {second} is closed for good: wanted {floor} or later")
        trade = self._reader.read_trade(record)
        by_symbol = self._seconds.get(second)
        if by_symbol is None:
            by_symbol = self._seconds[second] = {}
        tally = by_symbol.get(record.symbol)
        if tally is None:
            tally = by_symbol[record.symbol] = Tally(record.feed)
        tally.add(trade)
        if second > self._last_print:  # noqa: PLR1730 - as above
            self._last_print = second
        return second

    def _change(self, record: TradeRecord) -> int:
        """Apply a correction or a cancel to the print that it is about, and return that print's second.

        Raises:
            BadInputError: there is no such print among those that can be revised, or what it says is impossible.
        """
        payload = record.payload
        is_correction = record.channel == "corrections"
        trade_id, venue = (payload.oi if is_correction else payload.i) or 0, self._reader.venue(record)
        for second in sorted(self._seconds, reverse=True):
            tally = self._seconds[second].get(record.symbol)
            was = None if tally is None else tally.find(trade_id, venue)
            if tally is not None and was is not None:
                now = self._reader.read_correction(record, was) if is_correction else None
                tally.replace(was, now, record.ingest_ts)
                return second
        raise UnusableError(
            "unknown_trade", f"{record.channel} of trade {trade_id}, which no second since {self._floor} holds"
        )

    def _fold_quotes(self, decoded: Decoded[QuoteRecord], newest: int) -> int:
        """Add the quotes to the books. `newest` is the newest event time before them; returns it after them."""
        passed = self.clock.passed(newest)
        for at, record in enumerate(decoded.records):
            try:
                quote = read_quote(record)
            except BadInputError as error:
                decoded.refuse(at, str(error))
                continue
            # A quote that is later than the bound is kept back until what its topic had passed is closed: whether it
            # came before or after that is chance.
            if record.event_ts // NS <= passed:
                self._late_quotes.append((passed, record.symbol, quote))
            else:
                self._keep_quote(record.symbol, quote)
            if record.event_ts > newest:
                newest = record.event_ts
                passed = self.clock.passed(newest)
        return newest

    def _keep_quote(self, symbol: str, quote: Quote) -> None:
        self._book(symbol).apply(quote)
        second = quote.event_ts // NS
        quoted = self._quoted.get(second)
        if quoted is None:
            quoted = self._quoted[second] = set()
        quoted.add(symbol)

    def advance(self, now_ns: int) -> None:
        """Close what event time, or silence, allows to close now."""
        before = self.clock.closed
        closed = self.clock.close(self._last_print, now_ns)
        if closed == before:
            return
        for second in sorted(second for second in self._seconds if before < second <= closed):
            self._admit_quotes(second)
            tallies = self._seconds[second]
            for symbol in sorted(tallies):
                self._close(symbol, second, tallies[symbol])
        self._admit_quotes(closed)
        self._settle_quotes(closed)
        self._forget()

    def _close(self, symbol: str, second: int, tally: Tally) -> None:
        state = self._state(symbol, tally.feed)
        partial, quote = tally.partial(second), self._book(symbol).as_of(second + 1)
        result = state.apply(partial, quote)
        self._write(symbol, tally.feed, () if result is None else (result,))

    def _revise(self, symbol: str, second: int) -> None:
        """A closed second's prints changed: write what became another."""
        tally = self._seconds[second][symbol]
        self.counts.late += 1
        results = self._state(symbol, tally.feed).revise(tally.partial(second), self._book(symbol).as_of(second + 1))
        self._write(symbol, tally.feed, results)

    def _preview(self, symbol: str, second: int) -> None:
        """Write what the newest second would be if it ended now."""
        open_seconds = sorted(s for s in self._seconds if self.clock.closed < s <= second)
        pending = [(s, self._seconds[s][symbol]) for s in open_seconds if symbol in self._seconds[s]]
        pending = [(s, tally) for s, tally in pending if not tally.is_empty]
        if not pending or pending[-1][0] != second:
            return
        book, tally = self._book(symbol), pending[-1][1]
        before = [one.partial(s) for s, one in pending[:-1]]
        partial = tally.partial(second)
        bar, signal = self._state(symbol, tally.feed).preview(partial, book.as_of(second + 1), before)
        result = Result(second, 0, partial.ingest_ts, bar, signal)
        self._outputs += self._writer.provisional(symbol, tally.feed, result)

    def _write(self, symbol: str, feed: str, results: Iterable[Result]) -> None:
        self._changed.add(symbol)
        for result in results:
            for channel in (Channel.TA_BARS, Channel.TA_SIGNALS):
                payload = encode_payload(channel, result)
                place = Place(channel, symbol, result.second)
                revision = self.published.settle(place, result.revision, payload)
                if revision is not None:
                    self.counts.written += 1
                    self._outputs.append(
                        self._writer.final(channel, symbol, feed, result, revision=revision, payload=payload)
                    )

    def _report(self, unreadable: list[Unreadable], topic: Topic, now_ns: int) -> None:
        name = full_name(topic, self._rules.topic_prefix)
        self._outputs += [self._writer.dead_letter(one, name, None, now_ns) for one in unreadable]

    def _admit_quotes(self, second: int) -> None:
        """Late quotes that a window after the seconds before `second` may see."""
        if self._late_quotes:
            due = [late for late in self._late_quotes if late[0] < second]
            self._late_quotes = [late for late in self._late_quotes if late[0] >= second]
            for _, symbol, quote in due:
                self._keep_quote(symbol, quote)

    def _settle_quotes(self, closed: int) -> None:
        """Save the quote that stands at the end of `closed`, for symbols where that is another one now."""
        for second in sorted(second for second in self._quoted if second <= closed):
            for symbol in self._quoted.pop(second):
                book = self._book(symbol)
                if (quote := book.as_of(closed + 1)) is not None:
                    self._saved_quotes[symbol] = msgspec.msgpack.encode(quote)
                book.trim(self._floor)

    def _forget(self) -> None:
        floor = self._floor
        for second in [second for second in self._seconds if second < floor]:
            del self._seconds[second]
        self.clock.trades.trim(floor - _MARGIN_S)
        self.clock.quotes.trim(floor - _MARGIN_S)

    def _state(self, symbol: str, feed: str) -> SignalState:
        state = self._states.get(symbol)
        if state is None:
            suite, saved = _suite(conditions_of(feed).plan, self._rules.reset_on_session), self._symbols.signal(symbol)
            seconds = self._rules.revision_s
            state = SignalState(suite, seconds) if saved is None else SignalState.restore(saved, suite, seconds)
            self._states[symbol] = state
        return state

    def _book(self, symbol: str) -> QuoteBook:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = QuoteBook()
            if (saved := self._symbols.quote(symbol)) is not None:
                book.apply(msgspec.msgpack.decode(saved, type=Quote))
        return book

    def drain(self) -> list[Output]:
        """What is to be written since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def changes(self, now_ns: int) -> Changes:
        """State that changed since the last call."""
        signals = {symbol: self._states[symbol].snapshot() for symbol in self._changed}
        quotes, self._saved_quotes = self._saved_quotes, {}
        self._changed.clear()
        progress = Progress(
            self.clock.closed, self._last_print, _progress(self.clock.trades), _progress(self.clock.quotes), now_ns
        )
        return Changes(signals, quotes, progress)


@cache
def _suite(plan: SessionPlan, reset_on_session: bool) -> Suite:  # noqa: FBT001 - an internal table of four
    return Suite(plan, installed_indicators(), reset_on_session=reset_on_session)


def _progress(clock: TopicClock) -> TopicProgress:
    return TopicProgress(clock.next_offset, clock.newest, clock.starts)


def _topic_clock(saved: TopicProgress, now_ns: int) -> TopicClock:
    clock = TopicClock(now_ns, saved.next_offset, saved.newest)
    clock.starts = list(saved.starts)
    return clock
