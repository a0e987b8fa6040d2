"""Compares one bucket: everything that happened in it with every record of it. Pure, and the heart of the audit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from typing import NamedTuple, TypeAlias

from torghut.audit import identity
from torghut.audit.identity import COUNTED, Payload
from torghut.audit.model import UNREPAIRABLE, Coverage, Record, TruthEvent
from torghut.audit.report import Example, Examples, What
from torghut.audit.timeline import Quantiles, Timeline
from torghut.wire.topics import CHANNEL_TOPIC, Channel

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


class _Entry:
    """An event of the truth, or several with the same bytes where only their number tells them apart.

    `required` of them had to arrive, `optional` ones may have (not covered, or outside of the window).
    """

    __slots__ = ("event", "found", "optional", "repaired", "required")

    def __init__(self, event: TruthEvent) -> None:
        self.event = event
        self.required = 0
        self.optional = 0
        self.found = 0
        self.repaired = 0

    @property
    def open(self) -> bool:
        """Whether it awaits another record."""
        return self.found < self.required + self.optional

    @property
    def missing(self) -> int:
        """How many records had to come and did not."""
        return max(0, self.required - self.found)


class _Stranger:
    """A record with bytes that no event has; `known` once its event was found by other means."""

    __slots__ = ("known", "payload", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.payload = _decode(record)
        self.known = False


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
        self._entries: dict[Hashable, _Entry] = {}
        self._strangers: list[_Stranger] = []
        self._outcome = Outcome()

    def expect(self, events: Iterable[TruthEvent]) -> None:
        """Note what happened, and whether it had to arrive."""
        start_ns, end_ns, _ = self._scope
        covers, mark, entries = self._coverage.covers, self._happened.mark, self._entries
        for event in events:
            key = event.channel, event.feed, event.symbol, event.payload
            entry = entries.get(key)
            if entry is None:
                entry = entries[key] = _Entry(event)
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
                self._strangers.append(_Stranger(record))
            elif entry.found < entry.required + entry.optional:
                self._accept(entry, record)
            else:
                self._duplicate(entry, record)

    def _accept(self, entry: _Entry, record: Record) -> None:
        entry.found += 1
        if record.repaired:
            entry.repaired += 1
        elif entry.required:
            self._outcome.ingest.add(record.ingest_ns - entry.event.happened_ns)

    def _duplicate(self, entry: _Entry, record: Record) -> None:
        if entry.event.happened_ns >= self._scope.start_ns:
            self._count("duplicated", record, _where(record))

    def conclude(self) -> Outcome:
        """The result."""
        if self._strangers:
            self._meet_strangers()
        tally = self._outcome.tally
        for entry in self._entries.values():
            if entry.required:
                channel, got = entry.event.channel, entry.required - entry.missing
                tally[channel, "sent"] += entry.required
                tally[channel, "received"] += got
                tally[channel, "repaired"] += min(entry.repaired, got)
        missing = [entry for entry in self._entries.values() if entry.missing]
        alike = self._by_coarse_identity() if missing else {}
        for entry in missing:
            candidates = alike.get(_coarse_key(entry.event, _decode(entry.event)), [])
            for _ in range(entry.missing):
                self._miss(entry, candidates.pop() if candidates else None)
        for stranger in self._strangers:
            record = stranger.record
            if not stranger.known and self._scope.start_ns <= record.ingest_ns < self._scope.records_end_ns:
                self._count("unexpected", record, _where(record))
        return self._outcome

    def _meet_strangers(self) -> None:
        """Match by the contract's identity what has no event's bytes."""
        events = defaultdict(list)
        for entry in self._entries.values():
            events[_key(entry.event, _decode(entry.event))].append(entry)
        for stranger in self._strangers:
            known = events.get(_key(stranger.record, stranger.payload))
            if known is not None:
                stranger.known = True
                waiting = next((entry for entry in known if entry.open), None)
                if waiting is None:
                    self._duplicate(known[0], stranger.record)
                else:
                    self._accept(waiting, stranger.record)
                    self._compare_values(waiting, stranger)

    def _compare_values(self, entry: _Entry, stranger: _Stranger) -> None:
        record, payload, truth = stranger.record, stranger.payload, _decode(entry.event)
        if not identity.same_values(record.channel, truth, payload, repaired=record.repaired):
            changed = {key for key in truth.keys() | payload.keys() if truth.get(key) != payload.get(key)} - {"t"}
            self._count("wrong", record, f"{_where(record)}: {', '.join(sorted(changed))} differ")

    def _by_coarse_identity(self) -> dict[Hashable, list[_Stranger]]:
        found = defaultdict(list)
        for stranger in self._strangers:
            if not stranger.known:
                found[_coarse_key(stranger.record, stranger.payload)].append(stranger)
        return found

    def _miss(self, entry: _Entry, falsified: _Stranger | None) -> None:
        event = entry.event
        if falsified is not None:
            falsified.known = True
            self._outcome.tally[event.channel, "received"] += 1
            truth = identity.describe(event.channel, _decode(event))
            self._count("wrong", falsified.record, f"{_where(falsified.record)}: the truth has {truth}")
        elif event.channel in UNREPAIRABLE and not self._coverage.delivers(event.feed, event.happened_ns):
            self._count("gap", event, f"happened_ns={event.happened_ns}, no healthy connection")
        else:
            self._count("lost", event, f"happened_ns={event.happened_ns}")

    def _count(self, what: What, row: TruthEvent | Record, where: str) -> None:
        self._outcome.tally[row.channel, what] += 1
        if self._outcome.examples.wants(what):
            name = identity.describe(row.channel, _decode(row))
            self._outcome.examples.add(Example(what, row.channel, row.symbol, name, row.event_ts, where))


def _decode(row: TruthEvent | Record) -> Payload:
    marked = isinstance(row, Record) and row.repaired and row.channel == Channel.TRADES
    return identity.decode_payload(row.payload, marked=marked)


def _key(row: TruthEvent | Record, payload: Payload) -> Hashable:
    return row.channel, row.feed, row.symbol, identity.identity(row.channel, row.event_ts, payload)


def _coarse_key(row: TruthEvent | Record, payload: Payload) -> Hashable:
    return row.channel, row.feed, row.symbol, identity.coarse(row.channel, row.event_ts, payload)


def _where(record: Record) -> str:
    return f"{CHANNEL_TOPIC[Channel(record.channel)].name}[{record.partition}]@{record.offset}"
