"""All symbols, bucket by bucket. Takes records in any order of topics; memory holds one bucket of symbols at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from torghut.audit.intake import Incoming
from torghut.audit.report import BarCounts, Example, Examples, SignalCounts, Spread
from torghut.audit.spill import BUCKETS, MEMORY_BYTES
from torghut.audit.ta.intake import TaIntake
from torghut.audit.ta.judge import Outcome, Scope, SymbolJudge, SymbolRows
from torghut.audit.ta.terms import NS, Terms
from torghut.audit.timeline import Quantiles
from torghut.wire.topics import Channel


class TaResult(msgspec.Struct, frozen=True):
    """What was found. All counts and latencies are null when there is no trace of a TA job."""

    bars: BarCounts = BarCounts()
    signals: SignalCounts = SignalCounts()
    provisional: Spread = Spread()
    final: Spread = Spread()
    examples: tuple[Example, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether anything is missing, doubled or wrong."""
        return self.bars.bad or self.signals.bad


_QUOTES_NS: Final = 600 * NS
"""How long before the scope quotes may have been received that compete for the first signals in it."""


class TaComparison:
    """A recomputation in progress. Files, if they are needed, go to `folder`, which the caller removes.

    What was received (`ingest_ts`) from the scope's end on may or may not have been worked in by the job: a symbol is
    judged up to before the first second that such a record belongs to.
    """

    def __init__(
        self, terms: Terms, scope: Scope, folder: Path, *, prefix: str = "", memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self.intake = TaIntake(
            terms,
            scope.end_ns,
            folder,
            quotes_from_ns=scope.start_ns - _QUOTES_NS,
            prefix=prefix,
            memory_bytes=memory_bytes,
        )
        self._terms = terms
        self._scope = scope
        self._outcomes: dict[int, Outcome] = {}

    def take(self, incoming: Iterable[Incoming]) -> None:
        """Take records, in order within each partition. Outputs before the inputs that they were made of."""
        take = self.intake.take
        for item in incoming:
            take(item)

    def settle(self) -> bool:
        """Judge what is not judged good yet. Whether all is good: more records cannot better it."""
        for number in range(BUCKETS):
            known = self._outcomes.get(number)
            if known is None or known.bad:
                self._outcomes[number] = self._judge(number)
        return not self.intake.heard_of_job or not any(outcome.bad for outcome in self._outcomes.values())

    def _judge(self, number: int) -> Outcome:
        outcome, intake = Outcome(), self.intake
        symbols: defaultdict[str, SymbolRows] = defaultdict(SymbolRows)
        for tick in intake.ticks.rows(number):
            symbols[tick.symbol].ticks.append(tick)
        for symbol in symbols.keys() & intake.older.keys():
            symbols[symbol].quotes.append(intake.older[symbol])
        for quote in intake.quotes.rows(number):
            symbols[quote.symbol].quotes.append(quote)
        for final in intake.finals.rows(number):
            symbols[final.symbol].finals.append(final)
        for letter in intake.letters.rows(number):
            symbols[letter.symbol].letters.append(letter)
        for symbol in sorted(symbols):
            SymbolJudge(symbol, self._terms, self._scope, outcome).judge(symbols.pop(symbol), intake.partition)
        return outcome

    def result(self) -> TaResult:
        """All counts."""
        if not self.intake.heard_of_job:
            return TaResult()
        tally, examples, final = Counter[tuple[str, str]](), Examples(), Quantiles()
        for outcome in self._outcomes.values():
            tally.update(outcome.tally)
            examples.extend(outcome.examples)
            final.update(outcome.final)
        for channel, count in self.intake.undecodable.items():
            tally[channel, "wrong"] += count
        provisional = self.intake.provisional
        return TaResult(
            BarCounts(**_counts(tally, Channel.TA_BARS)),
            SignalCounts(**_counts(tally, Channel.TA_SIGNALS)),
            Spread(provisional.ms(0.5), provisional.ms(0.99)),
            Spread(final.ms(0.5), final.ms(0.99)),
            tuple(examples),
        )


def _counts(tally: Counter[tuple[str, str]], channel: Channel) -> dict[str, int]:
    return {name: tally[channel, name] for name in BarCounts.__struct_fields__}
