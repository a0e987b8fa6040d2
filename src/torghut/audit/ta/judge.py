"""One symbol: the bars and signals that had to be written against those that were."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from torghut.audit.report import Example, Examples, What
from torghut.audit.ta.bars import bars_of
from torghut.audit.ta.indicators import INDICATORS, signals_of
from torghut.audit.ta.prints import Standing
from torghut.audit.ta.progress import PartitionProgress
from torghut.audit.ta.quotes import Question, QuoteHistory
from torghut.audit.ta.rows import UNIT, FinalRow, Letter, QuoteRow, Tick
from torghut.audit.ta.terms import MS, NS, Terms
from torghut.audit.timeline import Quantiles
from torghut.wire.envelope import MicroBar, Signal
from torghut.wire.topics import Channel

RELATIVE: Final = 1e-9
"""Floats may differ by this share of the greater one."""

Row: TypeAlias = dict[str, Any]
"""A row of a polars frame."""
Places: TypeAlias = dict[int, list[FinalRow]]
"""All finals of a channel by second, in the order of their offsets."""

_PRICES: Final = ("o", "h", "l", "c")
_EXACT: Final = ("n", "first_ts", "last_ts")
_CANCELLING: Final = frozenset({"macd", "signal", "hist", "upper", "lower"})
"""Differences of prices: they may be off by a rounding of what they are a difference of."""
_FLOORS: Final = {"rsi14": 1e-9, "realized_vol_60s": 1e-9}
"""Absolute slack: an index of 0 to 100; the root of a rolling sum, which keeps a rounding of what left it."""

_bar_decoder = msgspec.json.Decoder(MicroBar)
_signal_decoder = msgspec.json.Decoder(Signal)


class Scope(NamedTuple):
    """What is judged: windows that end after `start_ns`, by what was received before `end_ns`."""

    start_ns: int
    end_ns: int


class Outcome:
    """What was found. `tally` counts by (channel, what); `final` are latencies."""

    def __init__(self) -> None:
        self.tally: Counter[tuple[str, str]] = Counter()
        self.examples = Examples()
        self.final = Quantiles()

    @property
    def bad(self) -> bool:
        """Whether anything is missing, doubled or wrong."""
        return any(count for (_, what), count in self.tally.items() if what in {"missing", "duplicated", "wrong"})


class SymbolRows:
    """All rows of one symbol, each kind in its log's order."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.quotes: list[QuoteRow] = []
        self.finals: list[FinalRow] = []
        self.letters: list[Letter] = []


class SymbolJudge:
    """Judges one symbol into an outcome."""

    def __init__(self, symbol: str, terms: Terms, scope: Scope, outcome: Outcome) -> None:
        self._symbol = symbol
        self._terms = terms
        self._scope = scope
        self._outcome = outcome

    def judge(self, rows: SymbolRows, progress: Callable[[int], PartitionProgress]) -> None:
        """Count everything of this symbol."""
        finals: dict[str, Places] = {Channel.TA_BARS: defaultdict(list), Channel.TA_SIGNALS: defaultdict(list)}
        for row in rows.finals:
            finals[row.channel][row.second].append(row)
        if not rows.ticks:
            self._count_extra(finals, set(), self._scope.end_ns // NS)
            return
        partition = progress(rows.ticks[0].partition)
        standing = Standing(rows.ticks, rows.letters, self._scope.end_ns, partition.floor)
        emptied = sorted(standing.emptied & finals[Channel.TA_BARS].keys())
        crypto = rows.ticks[0].feed == "crypto"
        bars = bars_of([*standing.prints], crypto=crypto, emptied=emptied)
        signals = signals_of(bars, reset_on_session=self._terms.reset_on_session)
        self._count_extra(finals, set(bars.get_column("second")), standing.unsettled)
        judged = [
            (bar, signal)
            for bar, signal in zip(bars.iter_rows(named=True), signals.iter_rows(named=True), strict=True)
            if self._scope.start_ns < (bar["second"] + 1) * NS
            and bar["second"] < standing.unsettled
            and (bar["second"] <= partition.due or any(bar["second"] in places for places in finals.values()))
        ]
        self._judge_bars(finals[Channel.TA_BARS], [bar for bar, _ in judged])
        self._judge_signals(finals[Channel.TA_SIGNALS], judged, QuoteHistory(rows.quotes, self._terms))

    def _count_extra(self, finals: dict[str, Places], known: set[int], unsettled: int) -> None:
        """Finals of seconds without prints."""
        for channel, places in finals.items():
            for second in places.keys() - known:
                if second < unsettled and self._scope.start_ns < (second + 1) * NS:
                    self._count("wrong", channel, second, "no counted print is in this second", places[second][-1])

    def _judge_bars(self, places: Places, bars: Sequence[Row]) -> None:
        for bar in bars:
            found = self._latest(Channel.TA_BARS, places, bar["second"])
            if found is not None:
                final, problem = found
                problem = problem or _payload_problem(final, _bar_decoder, lambda got, bar=bar: _bar_problem(bar, got))  # type: ignore[misc]
                self._close(final, problem)
                self._time(places[bar["second"]][0])

    def _judge_signals(self, places: Places, judged: Sequence[tuple[Row, Row]], quotes: QuoteHistory) -> None:
        questions, waiting = [], []
        for bar, signal in judged:
            found = self._latest(Channel.TA_SIGNALS, places, bar["second"])
            if found is None:
                continue
            final, problem = found
            try:
                got = _signal_decoder.decode(final.payload)
            except msgspec.DecodeError as error:
                self._close(final, problem or f"payload: {error}")
                continue
            waiting.append((final, problem or _signal_problem(signal, got)))
            written = places[bar["second"]][0].written_ms * MS
            questions.append(Question((bar["second"] + 1) * NS, written, bar["first_ingest"] or 0, got.quote))
        for (final, problem), other in zip(waiting, quotes.problems(questions), strict=True):
            self._close(final, problem or other)

    def _latest(self, channel: Channel, places: Places, second: int) -> tuple[FinalRow, str] | None:
        """The record that stands in this place, and what its revisions do wrongly; None when it is missing."""
        tally = self._outcome.tally
        tally[channel, "expected"] += 1
        written = places.get(second)
        if written is None:
            self._count("missing", channel, second, "no final record", None)
            return None
        tally[channel, "final"] += 1
        numbers = [row.revision for row in written]
        doubled = len(numbers) - len(set(numbers))
        if doubled:
            self._count("duplicated", channel, second, f"revisions {numbers}", written[-1], doubled)
        latest = max(written, key=lambda row: (row.revision, row.offset))
        if sorted(set(numbers)) != list(range(max(numbers) + 1)) or numbers != sorted(numbers):
            return latest, f"revisions {numbers} are not 0 to {max(numbers)} in order"
        return latest, next((row.problem for row in written if row.problem), "")

    def _close(self, final: FinalRow, problem: str) -> None:
        if problem:
            self._count("wrong", final.channel, final.second, problem, final)

    def _time(self, first: FinalRow) -> None:
        """From the window's end, or from what came after it, to the first final."""
        self._outcome.final.add(first.written_ms * MS - max((first.second + 1) * NS, first.ingest_ts))

    def _count(self, what: What, channel: str, second: int, problem: str, row: FinalRow | None, times: int = 1) -> None:
        self._outcome.tally[channel, what] += times
        where = "" if row is None else f"[{row.partition}]@{row.offset}: "
        example = Example(what, channel, self._symbol, f"second={second}", (second + 1) * NS, f"{where}{problem}")
        self._outcome.examples.add(example)


def _payload_problem(
    final: FinalRow, decoder: msgspec.json.Decoder[MicroBar], compare: Callable[[MicroBar], str]
) -> str:
    try:
        return compare(decoder.decode(final.payload))
    except msgspec.DecodeError as error:
        return f"payload: {error}"


def _bar_problem(wanted: Row, got: MicroBar) -> str:
    volume, notional = wanted["volume"], wanted["notional"]
    for name in _PRICES:
        # A true division of integers is correctly rounded: the very float that the price's digits denote.
        price = None if wanted[name] is None else wanted[name] / UNIT
        if getattr(got, name) != price:
            return f"{name} {getattr(got, name)}, wanted {price}"
    for name in _EXACT:
        if getattr(got, name) != wanted[name]:
            return f"{name} {getattr(got, name)}, wanted {wanted[name]}"
    vwap = notional / (volume * UNIT) if volume else None
    for name, value in (("v", volume / UNIT), ("vwap", vwap)):
        if not _equal(value, getattr(got, name)):
            return f"{name} {getattr(got, name)}, wanted {value}"
    return ""


def _signal_problem(wanted: Row, got: Signal) -> str:
    scale = abs(wanted["close"] or wanted["ema26"] or 0.0)
    for (name, value), (path, number) in zip(((n, wanted[n]) for n in INDICATORS), _numbers(got), strict=True):
        floor = 1e-12 * scale if name in _CANCELLING else _FLOORS.get(name, 0.0)
        if not _equal(value, number, floor):
            return f"{path} {number}, wanted {value}"
    return ""


def _numbers(got: Signal) -> Iterator[tuple[str, float | None]]:
    """The payload's paths and values, in the order of `INDICATORS`."""
    yield "close", got.close
    yield "ema.12", got.ema.ema12
    yield "ema.26", got.ema.ema26
    yield "macd.macd", got.macd.macd
    yield "macd.signal", got.macd.signal
    yield "macd.hist", got.macd.hist
    yield "rsi14", got.rsi14
    yield "bollinger.mid", got.bollinger.mid
    yield "bollinger.upper", got.bollinger.upper
    yield "bollinger.lower", got.bollinger.lower
    yield "vwap.session", got.vwap.session
    yield "vwap.5m", got.vwap.five_minutes
    yield "realized_vol_60s", got.realized_vol_60s


def _equal(wanted: float | None, got: float | None, floor: float = 0.0) -> bool:
    if wanted is None or got is None:
        return wanted is got
    return abs(wanted - got) <= RELATIVE * max(abs(wanted), abs(got)) + floor
