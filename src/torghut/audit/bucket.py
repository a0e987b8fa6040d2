"""Compares one bucket: everything that happened in it with every record of it. Pure, and the heart of the audit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from typing import NamedTuple, TypeAlias

from torghut.audit import identity, rows
from torghut.audit.identity import COUNTED
from torghut.audit.model import Coverage, Record, TruthEvent
from torghut.audit.report import Example, Examples, What
from torghut.audit.rows import Entry, Stranger
from torghut.audit.timeline import Quantiles, Timeline
from torghut.audit.updates import Updates, bar_of
from torghut.wire.topics import WITHOUT_HISTORY, Channel

Tally: TypeAlias = Counter[tuple[str, str]]
"""How many, by (channel, field of `ChannelCounts`)."""


class Scope(NamedTuple):
    """What is judged: events that happened in [start_ns, end_ns), records taken in in [start_ns, records_end_ns).

    The others are known, so that they are neither missed nor unexpected.
    """

    start_ns: int
    end_ns: int
    records_end_ns: int


class Outcome:
    """What a bucket holds."""

    def __init__(self) -> None:
        self.tally: Tally = Counter()
        self.examples = Examples()
        self.ingest = Quantiles()

    @property
    def bad(self) -> bool:
        """Whether something is missing or unexpected: more records may better it."""
        return any(count and what in {"lost", "unexpected"} for (_, what), count in self.tally.items())


class BucketComparison:
    """One comparison in progress: `expect` all events, `meet` all records, then `conclude`.

    Most records carry their event's very bytes, so those are matched first, without decoding either side. What is
    left (repaired from history, written otherwise) is matched by identity; what is then still left, by coarse identity,
    so that one falsified event is not told as one lost and one invented.
    """

    def __init__(self, scope: Scope, coverage: Coverage, happened: Timeline) -> None:
        self._scope = scope
        self._coverage = coverage
        self._happened = happened
        self._entries: dict[Hashable, Entry] = {}
        self._strangers: list[Stranger] = []
        self._repaired_bars: list[Record] = []
        self._outcome = Outcome()

    def expect(self, events: Iterable[TruthEvent]) -> None:
        """Note what happened, and whether it had to arrive."""
        start_ns, end_ns, _ = self._scope
        covers, mark, entries = self._coverage.covers, self._happened.mark, self._entries
        for event in events:
            key = event.channel, event.feed, event.symbol, event.payload
            entry = entries.get(key)
            if entry is None:
                entry = entries[key] = Entry(event)
            elif event.channel not in COUNTED:
                continue  # told twice; one event by its identity
            happened_ns = event.happened_ns
            if start_ns <= happened_ns < end_ns and covers(event.feed, event.channel, event.symbol, happened_ns):
                entry.required += 1
                entry.event = event
                mark(happened_ns)
            else:
                entry.optional += 1

    def meet(self, records: Iterable[Record]) -> None:
        """Match records with the events that have their bytes."""
        entries = self._entries
        for record in records:
            entry = entries.get((record.channel, record.feed, record.symbol, record.payload))
            if entry is None:
                self._strangers.append(Stranger(record))
            elif entry.found < entry.required + entry.optional:
                self._accept(entry, record)
            else:
                self._duplicate(entry, record)

    def _accept(self, entry: Entry, record: Record) -> None:
        entry.found += 1
        if record.repaired:
            entry.repaired += 1
            self._note_bar(record)
        elif entry.required:
            self._outcome.ingest.add(record.ingest_ns - entry.event.happened_ns)

    def _duplicate(self, entry: Entry, record: Record) -> None:
        self._note_bar(record)
        if entry.event.happened_ns >= self._scope.start_ns:
            self._count("duplicated", record, rows.where(record))

    def _note_bar(self, record: Record) -> None:
        """A repaired bar may be all that Kafka has of its minute's updates."""
        if record.repaired and record.channel == Channel.BARS:
            self._repaired_bars.append(record)

    def conclude(self) -> Outcome:
        """The result."""
        updates = Updates(self._entries.values())
        if self._strangers:
            self._meet_strangers(updates)
        updates.receive(self._repaired_bars)
        self._tell_received()
        self._tell_missing(updates)
        for stranger in self._strangers:
            record = stranger.record
            if not stranger.known and self._scope.start_ns <= record.ingest_ns < self._scope.records_end_ns:
                self._count("unexpected", record, rows.where(record))
        return self._outcome

    def _tell_received(self) -> None:
        tally = self._outcome.tally
        for entry in self._entries.values():
            if entry.required:
                channel, got = entry.event.channel, min(entry.found, entry.required)
                tally[channel, "sent"] += entry.required
                tally[channel, "received"] += got
                if entry.repaired:
                    tally[channel, "repaired"] += min(entry.repaired, got)

    def _tell_missing(self, updates: Updates) -> None:
        missing = [entry for entry in self._entries.values() if entry.missing]
        alike = self._by_coarse_identity() if missing else {}
        for entry in missing:
            candidates = alike.get(rows.coarse_key(entry.event, rows.decode(entry.event)), [])
            for _ in range(entry.missing):
                self._miss(entry, candidates.pop() if candidates else None, updates)

    def _meet_strangers(self, updates: Updates) -> None:
        """Match by the contract's identity what has no event's bytes."""
        events, looked_for = defaultdict(list), {rows.rough_key(stranger.record) for stranger in self._strangers}
        for entry in self._entries.values():
            if rows.rough_key(entry.event) in looked_for:
                events[rows.key(entry.event, rows.decode(entry.event))].append(entry)
        for stranger in self._strangers:
            key = rows.key(stranger.record, stranger.payload)
            update = updates.told_by(stranger.record)
            if update is not None and key not in events:
                events[key].append(bar_of(update))  # only its updates are known: the bar was before the truth
            known = events.get(key)
            if known is not None:
                stranger.known = True
                waiting = next((entry for entry in known if entry.open), None)
                if waiting is None:
                    self._duplicate(known[0], stranger.record)
                else:
                    self._accept(waiting, stranger.record)
                    self._compare_values(waiting, update, stranger)

    def _compare_values(self, entry: Entry, update: Entry | None, stranger: Stranger) -> None:
        record, payload, truth = stranger.record, stranger.payload, rows.decode(entry.event)
        if update is None and not identity.same_values(record.channel, truth, payload, repaired=record.repaired):
            changed = {key for key in truth.keys() | payload.keys() if truth.get(key) != payload.get(key)} - {"t"}
            self._count("wrong", record, f"{rows.where(record)}: {', '.join(sorted(changed))} differ")

    def _by_coarse_identity(self) -> dict[Hashable, list[Stranger]]:
        found = defaultdict(list)
        for stranger in self._strangers:
            if not stranger.known:
                found[rows.coarse_key(stranger.record, stranger.payload)].append(stranger)
        return found

    def _miss(self, entry: Entry, falsified: Stranger | None, updates: Updates) -> None:
        event = entry.event
        if falsified is not None:
            falsified.known = True
            self._outcome.tally[event.channel, "received"] += 1
            truth = identity.describe(event.channel, rows.decode(event))
            self._count("wrong", falsified.record, f"{rows.where(falsified.record)}: the truth has {truth}")
        elif self._unrepairable(entry, updates):
            self._count("gap", event, f"happened_ns={event.happened_ns}, no healthy connection")
        else:
            self._count("lost", event, f"happened_ns={event.happened_ns}")

    def _unrepairable(self, entry: Entry, updates: Updates) -> bool:
        """Whether no connection could deliver it, and history does not have it."""
        event = entry.event
        gone = event.channel in WITHOUT_HISTORY or updates.overwritten(entry)
        return gone and not self._coverage.delivers(event.feed, event.happened_ns)

    def _count(self, what: What, row: TruthEvent | Record, where: str) -> None:
        self._outcome.tally[row.channel, what] += 1
        if self._outcome.examples.wants(what):
            name = identity.describe(row.channel, rows.decode(row))
            self._outcome.examples.add(Example(what, row.channel, row.symbol, name, row.event_ts, where))
