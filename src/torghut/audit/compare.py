"""The whole comparison: takes events and records in any order, sorts them into buckets, and adds up what they hold.

`settle` can be called again after more was taken: only buckets that changed and are not good are compared anew. Memory
is bounded by `Spill`'s buffers and the largest bucket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from torghut.audit.bucket import BucketComparison, Outcome, Scope, Tally
from torghut.audit.coverage import BetweenInstances
from torghut.audit.intake import Incoming, Intake
from torghut.audit.model import CHANNELS, Record, Truth, TruthEvent
from torghut.audit.report import ChannelCounts, Examples, Latency, Period, Report, Spread
from torghut.audit.spill import BATCH, BUCKETS, MEMORY_BYTES, Spill
from torghut.audit.timeline import Quantiles, Timeline, longest_stall_ms


class Comparison:
    """An audit in progress. Files, if they are needed, go to `folder`, which the caller removes."""

    def __init__(
        self, truth: Truth, folder: Path, *, prefix: str = "", memory_bytes: int = MEMORY_BYTES, batch: int = BATCH
    ) -> None:
        self.intake = Intake(prefix=prefix)
        self.events = 0
        self._truth = truth
        self._events = Spill(TruthEvent, folder, memory_bytes=memory_bytes, batch=batch)
        self._records = Spill(Record, folder, memory_bytes=memory_bytes, batch=batch)
        self._outcomes: dict[int, Outcome] = {}
        self._changed: set[int] = set()
        self._happened = Timeline()
        self._recorded = Timeline()
        self._first_ns: int | None = None

    def take_truth(self) -> int:
        """Take what the truth has to say since the last time; returns how many events."""
        before = self.events
        for event in self._truth.read():
            self._changed.add(self._events.add(event, event.place))
            self.events += 1
            if self._first_ns is None or event.happened_ns < self._first_ns:
                self._first_ns = event.happened_ns
        return self.events - before

    def take_records(self, incoming: Iterable[Incoming]) -> None:
        """Take records, in order within each partition."""
        judged = self._truth.channels
        take, mark = self.intake.take, self._recorded.mark
        for item in incoming:
            record = take(item)
            if record is not None and record.channel in judged:
                self._changed.add(self._records.add(record, record.place))
                mark(record.ingest_ns)

    def settle(self, scope: Scope) -> bool:
        """Compare what is not known to be good. Whether nothing is missing and nothing unexpected: all is good."""
        for number in sorted(self._changed):
            known = self._outcomes.get(number)
            if known is None or known.bad:
                self._judge(number, scope)
        return not any(outcome.bad for outcome in self._outcomes.values())

    def _judge(self, number: int, scope: Scope) -> None:
        coverage = BetweenInstances(self._truth.coverage, self.intake.order.handovers())
        bucket = BucketComparison(scope, coverage, self._happened)
        bucket.expect(self._events.rows(number))
        bucket.meet(self._records.rows(number))
        self._outcomes[number] = bucket.conclude()
        self._changed.discard(number)

    def report(self, scope: Scope, *, seconds: float = 0.0) -> Report:
        """All counts, and the verdict: what came for good buckets while bad ones were waited for counts, too."""
        for number in sorted(self._changed):
            self._judge(number, scope)
        tally: Tally = Counter()
        ingest, examples = Quantiles(), Examples()
        for number in range(BUCKETS):
            outcome = self._outcomes.get(number)
            if outcome is not None:
                tally.update(outcome.tally)
                ingest.update(outcome.ingest)
                examples.extend(outcome.examples)
        examples.extend(self.intake.examples)
        fencing = self.intake.order.fencing(examples)
        channels = {channel.value: _counts(channel.value, tally, self.intake) for channel in CHANNELS}
        bad = fencing or self.intake.undecodable or any(counts.bad for counts in channels.values())
        start_ns = max(scope.start_ns, self._first_ns or 0)
        return Report(
            verdict="bad" if bad else "ok",
            window=Period(start_ns, scope.end_ns),
            channels=channels,
            max_gap_ms=longest_stall_ms(self._happened, self._recorded, scope.end_ns),
            latency_ms=Latency(ingest=Spread(ingest.ms(0.5), ingest.ms(0.99))),
            fencing=fencing,
            undecodable=self.intake.undecodable,
            dlq=self.intake.dlq.total(),
            injected=self._truth.injected,
            events=self.events,
            records=self.intake.read,
            seconds=round(seconds, 3),
            examples=tuple(examples),
        )


def _counts(channel: str, tally: Tally, intake: Intake) -> ChannelCounts:
    fields = {field: tally[channel, field] for field in ChannelCounts.__struct_fields__}
    for field, count in intake.counted(channel).items():
        fields[field] += count
    return ChannelCounts(**fields)


def compare(
    truth: Truth,
    incoming: Iterable[Incoming],
    scope: Scope,
    folder: Path,
    *,
    memory_bytes: int = MEMORY_BYTES,
    batch: int = BATCH,
) -> Report:
    """Compare a whole truth with whole topics: what `run` does, without Kafka and without waiting."""
    comparison = Comparison(truth, folder, memory_bytes=memory_bytes, batch=batch)
    comparison.take_records(incoming)
    comparison.take_truth()
    comparison.settle(scope)
    return comparison.report(scope)
