"""One partition's symbols: batches of records in, records to write out. The heart of the job, without Flink or Kafka.

A shard takes batches of trades and quotes in offset order, closes seconds when the partition's clock says so, and
revises closed ones. It writes nothing itself: outputs and changed state are collected, and taken by the operator. All
that it keeps beyond that state (open seconds, revisable prints, quotes of the last minute) follows from the log and is
rebuilt from it after a restore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

import msgspec

from torghut.job.clock import NS, Bounds, Clock, TopicClock
from torghut.job.prints import Prints
from torghut.job.progress import Progress, TopicProgress
from torghut.job.published import FINALS, Place, Published
from torghut.job.quoted import Quoted
from torghut.job.records import (
    Batch,
    Output,
    Unreadable,
    Writer,
    decode_quotes,
    decode_trades,
    encode_payload,
)
from torghut.job.tally import Tally
from torghut.ta.conditions import conditions_of
from torghut.ta.sessions import SessionPlan
from torghut.ta.signals import Result, SignalState
from torghut.ta.suite import Suite, installed_indicators
from torghut.wire.topics import QUOTES, TRADES, Topic, full_name

_NS_PER_MS: Final = 1_000_000
_FRESH_NS: Final = 2 * NS
"""Nobody waits for a provisional value of records that were received longer ago than this."""
_MARGIN_S: Final = 15
"""A rebuild reads this much more than it needs, so that it knows which quotes came late."""
_SWEEP_S: Final = 60
"""Published finals are looked through for old ones this often, in event time: there may be millions."""


class Rules(msgspec.Struct, frozen=True):
    """What the job is configured to do."""

    bounds: Bounds = Bounds()
    revision_s: int = 60
    reset_on_session: bool = False
    topic_prefix: str = ""


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
        self._states: Final[dict[str, SignalState]] = {}
        self._outputs: list[Output] = []
        self._changed: Final[set[str]] = set()
        self._saved_quotes: dict[str, bytes] = {}
        self._forgotten = 0
        self._taken_ns = 0 if saved is None else saved.wall_ns
        if saved is None:
            self.clock = Clock(rules.bounds, TopicClock(now_ns), TopicClock(now_ns))
        else:
            self.clock = saved.clock(rules.bounds, now_ns)
        self._prints: Final = Prints(self.clock, -1 if saved is None else saved.last_print)
        self._quotes: Final = Quoted(self.clock, symbols.quote)

    def take_trades(self, batch: Batch, now_ns: int) -> None:
        """Take in trades, corrections and cancels; `now_ns` is the wall clock's time."""
        decoded = decode_trades(batch.text)
        newest, touched = self._prints.fold(decoded, self.clock.trades.newest, self._floor, self._revise)
        self.counts.records += len(decoded.records)
        self.clock.hear(self.clock.trades, (batch.first, batch.last), newest, now_ns)
        self._report(decoded.unreadable, TRADES, now_ns)
        self.advance(now_ns)
        if decoded.records and now_ns - decoded.records[-1].ingest_ts < _FRESH_NS:
            for symbol, second in touched.items():
                self._preview(symbol, second)

    def take_quotes(self, batch: Batch, now_ns: int) -> None:
        """Take in quotes."""
        decoded = decode_quotes(batch.text)
        newest = self._quotes.fold(decoded, self.clock.quotes.newest)
        self.counts.records += len(decoded.records)
        self.clock.hear(self.clock.quotes, (batch.first, batch.last), newest, now_ns)
        self._report(decoded.unreadable, QUOTES, now_ns)
        self.advance(now_ns)

    def rebuild(self, trades: Iterable[str], quotes: Iterable[str]) -> None:
        """Take in again what the log has held since `rebuild_from`, up to the saved offsets: nothing is written."""
        newest, floor = 0, self._floor
        for text in trades:
            newest = self._prints.fold(decode_trades(text), newest, floor, _nothing).newest
        newest = 0
        for text in quotes:
            newest = self._quotes.fold(decode_quotes(text), newest)
        self._quotes.admit(self.clock.closed)

    def reissue(self) -> None:
        """Write again what the restored state says was written and the topics do not hold.

        A transaction that was open for longer than its time-out is gone with all that was in it. What it held of the
        seconds that can be revised follows from the state; call this when the shard is rebuilt and `published` is full.
        """
        seconds = self._prints.seconds
        feeds = {symbol: tally.feed for second in seconds for symbol, tally in seconds[second].items()}
        for symbol in sorted(feeds):
            self._write(symbol, feeds[symbol], self._standing(symbol, self._state(symbol, feeds[symbol])))

    def _standing(self, symbol: str, state: SignalState) -> Iterator[Result]:
        """What a symbol's state says was written. Where the topics hold nothing of it, it counts from 0 again."""
        for result in state.standing(self._floor):
            if self.published.holds(Place(symbol, result.second)):
                yield result
            else:
                state.renumber(result.second, 0)
                yield msgspec.structs.replace(result, revision=0)

    @property
    def rebuild_from(self) -> tuple[int, int]:
        """The offsets in trades and quotes from where the log is needed."""
        second = self._floor - _MARGIN_S
        return self.clock.trades.start_of(second), self.clock.quotes.start_of(second)

    @property
    def _floor(self) -> int:
        """The oldest second that can be revised."""
        return self.clock.closed - self._rules.revision_s

    def advance(self, now_ns: int) -> None:
        """Close what event time, or silence, allows to close now."""
        before = self.clock.closed
        closed = self.clock.close(self._prints.last_print, now_ns)
        if closed == before:
            return
        for second in self._prints.due(before, closed):
            self._quotes.admit(second)
            tallies = self._prints.seconds.get(second, {})
            for symbol in sorted(tallies):
                self._close(symbol, second, tallies[symbol])
            self._prints.apply_late(second, self._revise)
        self._quotes.admit(closed)
        self._saved_quotes |= self._quotes.settle(closed, self._floor)
        self._forget()
        refused, self._prints.refused = self._prints.refused, []
        self._report(refused, TRADES, now_ns)

    def _close(self, symbol: str, second: int, tally: Tally) -> None:
        state = self._state(symbol, tally.feed)
        partial, quote = tally.partial(second), self._quotes.at_end_of(symbol, second)
        result = state.apply(partial, quote)
        self._write(symbol, tally.feed, () if result is None else (result,))

    def _revise(self, symbol: str, second: int) -> None:
        """A closed second's prints changed: write what became another."""
        tally = self._prints.seconds[second][symbol]
        self.counts.late += 1
        results = self._state(symbol, tally.feed).revise(tally.partial(second), self._quotes.at_end_of(symbol, second))
        self._write(symbol, tally.feed, results)

    def _preview(self, symbol: str, second: int) -> None:
        """Write what the newest second would be if it ended now."""
        open_seconds = sorted(s for s in self._prints.seconds if self.clock.closed < s <= second)
        pending = [(s, self._prints.seconds[s][symbol]) for s in open_seconds if symbol in self._prints.seconds[s]]
        pending = [(s, tally) for s, tally in pending if not tally.is_empty]
        if not pending or pending[-1][0] != second:
            return
        tally = pending[-1][1]
        before = [one.partial(s) for s, one in pending[:-1]]
        partial = tally.partial(second)
        bar, signal = self._state(symbol, tally.feed).preview(partial, self._quotes.at_end_of(symbol, second), before)
        result = Result(second, 0, partial.ingest_ts, bar, signal)
        self._outputs += self._writer.provisional(symbol, tally.feed, result)

    def _write(self, symbol: str, feed: str, results: Iterable[Result]) -> None:
        self._changed.add(symbol)
        for result in results:
            payloads = {channel: encode_payload(channel, result) for channel in FINALS}
            revision, channels = self.published.settle(Place(symbol, result.second), result.revision, payloads)
            if revision != result.revision:
                self._states[symbol].renumber(result.second, revision)
            self.counts.written += len(channels)
            self._outputs += [
                self._writer.final(channel, symbol, feed, result, revision=revision, payload=payloads[channel])
                for channel in channels
            ]

    def _report(self, unreadable: list[Unreadable], topic: Topic, now_ns: int) -> None:
        name = full_name(topic, self._rules.topic_prefix)
        self._outputs += [self._writer.dead_letter(one, name, None, now_ns) for one in unreadable]

    def _forget(self) -> None:
        floor = self._floor
        self._prints.forget(floor)
        if self.published and floor >= self._forgotten + _SWEEP_S:
            self.published.forget_before(floor)
            self._forgotten = floor
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

    def drain(self) -> list[Output]:
        """What is to be written since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def changes(self, now_ns: int) -> Changes:
        """State that changed since the last call, of a moment that is at least a millisecond after the last one's."""
        self._taken_ns = max(now_ns, self._taken_ns + _NS_PER_MS)
        signals = {symbol: self._states[symbol].snapshot() for symbol in self._changed}
        quotes, self._saved_quotes = self._saved_quotes, {}
        self._changed.clear()
        progress = Progress(
            self.clock.closed,
            self._prints.last_print,
            TopicProgress.of(self.clock.trades),
            TopicProgress.of(self.clock.quotes),
            self._taken_ns,
        )
        return Changes(signals, quotes, progress)


@cache
def _suite(plan: SessionPlan, reset_on_session: bool) -> Suite:  # noqa: FBT001 - an internal table of four
    return Suite(plan, installed_indicators(), reset_on_session=reset_on_session)


def _nothing(_symbol: str, _second: int) -> None:
    """What is revised while a shard is rebuilt was written before."""
