"""Which quotes a signal may have seen.

The contract: the last one by event time before the window's end, among those that had arrived by the bar's closing.
Kafka does not say what had arrived when; this much is certain:

- A quote had *surely* arrived when it was received more than `SLACK_NS` before the bar's first final was written, and
  stands in its partition's log before the quote that let the watermark pass the window's end. If the bar was written
  later than the idle time-out after its first print, silence may have closed it, or an outage: then only what was
  received `OUTAGE_NS` before that print is sure, for what Kafka did not take at once is written again.
- No record is in Kafka before its session began, and `seq` begins with that moment in microseconds: a quote that was
  received before, and held up by an outage, is sure `OUTAGE_NS` after that, when all that had piled up is written.
- A quote *cannot* have arrived when it was received more than `SLACK_NS` after the first final was written.

A signal is right if its quote could have arrived, is of an event time before the window's end, is not older than any
that surely had arrived, and was the newest of its window when it came. Of repeated quotes that the signal may tell of,
one has to be so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from torghut.audit.ta.rows import QuoteRow
from torghut.audit.ta.terms import MS, Terms
from torghut.wire.envelope import QuoteState

SLACK_NS: Final = 1_000_000_000
OUTAGE_NS: Final = 10_000_000_000
"""What Kafka does not acknowledge in half of this ends the session, and is written again in the next one."""
_NS_PER_US: Final = 1000
_EXACT: Final = 1e-9
_Key = tuple[int, int]
"""Event time and `seq`: what "the last" means."""


class Question(NamedTuple):
    """A signal's quote. `end`: of its window. `written`: its first final's time; `first_ingest`: of its first print."""

    end: int
    written: int
    first_ingest: int
    quote: QuoteState


class QuoteHistory:
    """One symbol's quotes, in their log's order."""

    def __init__(self, rows: Sequence[QuoteRow], terms: Terms) -> None:
        self._terms: Final = terms
        self._rows: Final = list(rows)
        self._ingested: Final = list(accumulate(map(_arrived, self._rows), max))
        self._passed: Final = [row.newest for row in self._rows]
        self._at: Final = sorted(range(len(self._rows)), key=lambda at: self._rows[at].event_ts)
        self._times: Final = [self._rows[at].event_ts for at in self._at]

    def problems(self, questions: Sequence[Question]) -> list[str]:
        """For each question what is wrong with the quote; the empty text where nothing is."""
        sure = self._newest([(self._sure(one), one.end) for one in questions])
        told = [self._told(one) for one in questions]
        rivals = iter(
            self._newest([(at, one.end) for one, places in zip(questions, told, strict=True) for at in places])
        )
        return [
            self._problem(one, least, [(at, next(rivals)) for at in places])
            for one, least, places in zip(questions, sure, told, strict=True)
        ]

    def _sure(self, one: Question) -> int:
        """How many of the log's quotes surely had arrived."""
        in_log = bisect_left(self._passed, one.end + self._terms.least_bound_ns)
        waited = one.written - one.first_ingest >= self._terms.least_idle_ns - SLACK_NS
        since = min(one.first_ingest - OUTAGE_NS if waited else one.written, one.written - SLACK_NS)
        return min(in_log, bisect_left(self._ingested, since))

    def _newest(self, wanted: Sequence[tuple[int, int]]) -> list[_Key | None]:
        """For each (count, end): the last event before `end` among the log's first `count` quotes."""
        answers: list[_Key | None] = [None] * len(wanted)
        known: list[_Key] = []
        for index in sorted(range(len(wanted)), key=lambda each: wanted[each][0]):
            count, end = wanted[index]
            for row in self._rows[len(known) : count]:
                insort(known, (row.event_ts, row.seq))
            at = bisect_left(known, (end, -1))
            answers[index] = known[at - 1] if at else None
        return answers

    def _told(self, one: Question) -> list[int]:
        """The quotes that the signal may tell of: their places in the log. The feed repeats quotes, to the letter."""
        if one.quote.age_ms is None:
            return []
        event_ts = one.end - round(one.quote.age_ms * MS)
        same = self._at[bisect_left(self._times, event_ts) : bisect_right(self._times, event_ts)]
        return [at for at in same if _same(self._rows[at], one.quote)]

    def _problem(self, one: Question, least: _Key | None, told: Sequence[tuple[int, _Key | None]]) -> str:
        if not told:
            if one.quote.bid is not None or one.quote.age_ms is not None:
                return f"no quote in Kafka is {one.quote}"
            return "" if least is None else f"no quote, though that of {least[0]} had arrived"
        faults = [self._fault(one, self._rows[at], least, rival) for at, rival in told]
        return "" if "" in faults else faults[0]

    def _fault(self, one: Question, row: QuoteRow, least: _Key | None, rival: _Key | None) -> str:
        """Why it cannot be this one."""
        key = row.event_ts, row.seq
        if row.event_ts >= one.end:
            return f"its quote is of {row.event_ts}, after the window"
        if row.ingest_ts > one.written + SLACK_NS:
            return f"its quote was received at {row.ingest_ts}, after the final was written"
        newer = next((other for other in (least, rival) if other is not None and other > key), None)
        if newer is not None:
            return f"its quote is of {row.event_ts}, though that of {newer[0]} had arrived"
        return _derived(one.quote)


def _arrived(row: QuoteRow) -> int:
    """By when it surely was in Kafka, if Kafka took it in time."""
    session = row.seq * _NS_PER_US
    return row.ingest_ts if session <= row.ingest_ts else session + OUTAGE_NS


def _same(row: QuoteRow, quote: QuoteState) -> bool:
    return (row.bid, row.ask, row.bid_size, row.ask_size) == (quote.bid, quote.ask, quote.bid_size, quote.ask_size)


def _derived(quote: QuoteState) -> str:
    """What is wrong with `spread` and `imbalance`. A price of 0 is a side without a quote."""
    bid, ask, bid_size, ask_size = quote.bid or 0.0, quote.ask or 0.0, quote.bid_size or 0.0, quote.ask_size or 0.0
    spread = ask - bid if bid and ask else None
    sizes = bid_size + ask_size
    imbalance = (bid_size - ask_size) / sizes if sizes else None
    for name, wanted, got in (("spread", spread, quote.spread), ("imbalance", imbalance, quote.imbalance)):
        if (wanted is None) != (got is None) or abs((wanted or 0.0) - (got or 0.0)) > _EXACT * max(1.0, ask):
            return f"{name} {got}, wanted {wanted}"
    return ""
