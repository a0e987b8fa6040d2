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
    """An event of the truth, or `k` equal ones where only their number tells them apart.

    `required` of them had to arrive, `optional` ones may have (not covered, or outside of the window).
    """

    __slots__ = ("event", "found", "optional", "payload", "repaired", "required")

    def __init__(self, event: TruthEvent, payload: Payload) -> None:
        self.event = event
        self.payload = payload
        self.required = 0
        self.optional = 0
        self.found = 0
        self.repaired = 0


class _Stranger:
    """A record of no known event; `falsified` when it turns out to be a missing one with other values."""

    __slots__ = ("falsified", "payload", "record")

    def __init__(self, record: Record, payload: Payload) -> None:
        self.record = record
        self.payload = payload
        self.falsified = False


class BucketComparison:
    """One comparison in progress: `expect` all events, `meet` all records, then `conclude`."""

    def __init__(self, scope: Scope, coverage: Coverage, happened: Timeline) -> None:
        self._scope = scope
        self._coverage = coverage
        self._happened = happened
        self._entries: dict[Hashable, _Entry] = {}
        self._strangers: list[_Stranger] = []
        self._outcome = Outcome()

    def expect(self, events: Iterable[TruthEvent]) -> None:
        """Note what happened, and whether it had to arrive."""
        scope, covers, mark, entries = self._scope, self._coverage.covers, self._happened.mark, self._entries
        for event in events:
            payload = identity.decode_payload(event.payload, of_truth=True, marked=False)
            key = _key(event, payload)
            entry = entries.get(key)
            if entry is None:
                entry = entries[key] = _Entry(event, payload)
            elif event.channel not in COUNTED:
                continue  # told twice; one event by its identity
            happened_ns = event.happened_ns
            if scope.start_ns <= happened_ns < scope.end_ns and covers(
                event.feed, event.channel, event.symbol, happened_ns
            ):
                entry.required += 1
                entry.event = event
                mark(happened_ns)
            else:
                entry.optional += 1

    def meet(self, records: Iterable[Record]) -> None:
        """Match records with what happened."""
        for record in records:
            marked = record.repaired and record.channel == Channel.TRADES
            payload = identity.decode_payload(record.payload, of_truth=False, marked=marked)
            entry = self._entries.get(_key(record, payload))
            if entry is None:
                self._strangers.append(_Stranger(record, payload))
                continue
            entry.found += 1
            if entry.found <= entry.required + entry.optional:
                self._accept(entry, record, payload)
            elif entry.event.happened_ns >= self._scope.start_ns:
                self._count("duplicated", record, payload, _where(record))

    def _accept(self, entry: _Entry, record: Record, payload: Payload) -> None:
        if record.repaired:
            entry.repaired += 1
        elif entry.required:
            self._outcome.ingest.add(record.ingest_ns - entry.event.happened_ns)
        if not identity.same_values(record.channel, entry.payload, payload, repaired=record.repaired):
            changed = {k for k in entry.payload.keys() | payload.keys() if entry.payload.get(k) != payload.get(k)}
            self._count("wrong", record, payload, f"{_where(record)}: {', '.join(sorted(changed - {'t'}))} differ")

    def conclude(self) -> Outcome:
        """The result. What is missing and what nobody knows are first tried as one falsified event."""
        tally = self._outcome.tally
        missing = []
        for entry in self._entries.values():
            if not entry.required:
                continue
            channel = entry.event.channel
            got = min(entry.found, entry.required)
            tally[channel, "sent"] += entry.required
            tally[channel, "received"] += got
            tally[channel, "repaired"] += min(entry.repaired, got)
            if got < entry.required:
                missing.append((entry, entry.required - got))
        strangers = self._by_coarse_identity() if missing else {}
        for entry, count in missing:
            alike = strangers.get(_coarse_key(entry.event, entry.payload), [])
            for _ in range(count):
                self._miss(entry, alike.pop() if alike else None)
        for stranger in self._strangers:
            if (
                not stranger.falsified
                and self._scope.start_ns <= stranger.record.ingest_ns < self._scope.records_end_ns
            ):
                self._count("unexpected", stranger.record, stranger.payload, _where(stranger.record))
        return self._outcome

    def _by_coarse_identity(self) -> dict[Hashable, list[_Stranger]]:
        found = defaultdict(list)
        for stranger in self._strangers:
            found[_coarse_key(stranger.record, stranger.payload)].append(stranger)
        return found

    def _miss(self, entry: _Entry, falsified: _Stranger | None) -> None:
        event = entry.event
        if falsified is not None:
            falsified.falsified = True
            self._outcome.tally[event.channel, "received"] += 1
            expected = identity.describe(event.channel, entry.payload)
            where = f"{_where(falsified.record)}: the truth has {expected}"
            self._count("wrong", falsified.record, falsified.payload, where)
        elif event.channel in UNREPAIRABLE and not self._coverage.delivers(event.feed, event.happened_ns):
            self._count("gap", event, entry.payload, f"happened_ns={event.happened_ns}, no healthy connection")
        else:
            self._count("lost", event, entry.payload, f"happened_ns={event.happened_ns}")

    def _count(self, what: What, row: TruthEvent | Record, payload: Payload, where: str) -> None:
        self._outcome.tally[row.channel, what] += 1
        if self._outcome.examples.wants(what):
            name = identity.describe(row.channel, payload)
            self._outcome.examples.add(Example(what, row.channel, row.symbol, name, row.event_ts, where))


def _key(row: TruthEvent | Record, payload: Payload) -> Hashable:
    return row.channel, row.feed, row.symbol, identity.identity(row.channel, row.event_ts, payload)


def _coarse_key(row: TruthEvent | Record, payload: Payload) -> Hashable:
    return row.channel, row.feed, row.symbol, identity.coarse(row.channel, row.event_ts, payload)


def _where(record: Record) -> str:
    return f"{CHANNEL_TOPIC[Channel(record.channel)].name}[{record.partition}]@{record.offset}"
