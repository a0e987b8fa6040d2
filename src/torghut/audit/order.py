"""What a topic must be by itself: `seq` rises, sessions follow each other, envelopes agree with their payloads.

Looked at while reading, record by record in partition order, before anything is compared with the truth.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Final, NamedTuple

from torghut.audit.report import Example, Examples
from torghut.wire.envelope import Envelope

MAX_RUNS: Final = 10_000
"""Changes of session remembered for one partition; two writers that take turns make one with every record."""


class Position(NamedTuple):
    """Where a record is."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


class _Run:
    """Consecutive records of one session in one partition."""

    __slots__ = ("count", "envelope", "position", "session")

    def __init__(self, envelope: Envelope, position: Position) -> None:
        self.session = envelope.session
        self.count = 1
        self.envelope = envelope
        self.position = position


class _Last:
    """The newest record of one (channel, symbol)."""

    __slots__ = ("partition", "seq", "session")

    def __init__(self, envelope: Envelope, position: Position) -> None:
        self.seq = envelope.seq
        self.session = envelope.session
        self.partition = position.partition


class OrderCheck:
    """Counts what is out of order. Feed it records in partition order."""

    def __init__(self, examples: Examples) -> None:
        self.reordered: Counter[str] = Counter()
        self.seq_gaps: Counter[str] = Counter()
        self.split: Counter[str] = Counter()
        self._examples = examples
        self._last: dict[tuple[str, str], _Last] = {}
        self._runs: dict[tuple[str, int, str], list[_Run]] = {}
        self._first_seq: dict[str, int] = {}
        self._began: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._settled = 0

    def observe(self, envelope: Envelope, position: Position) -> None:
        """The next record of its partition."""
        self._observe_seq(envelope, position)
        if envelope.ingest_ts > self._ended.get(envelope.session, 0):
            self._ended[envelope.session] = envelope.ingest_ts
        runs = self._runs.setdefault((position.topic, position.partition, envelope.feed), [])
        if runs and runs[-1].session == envelope.session:
            runs[-1].count += 1
            return
        if envelope.seq < self._first_seq.get(envelope.session, envelope.seq + 1):
            self._first_seq[envelope.session] = envelope.seq
        began = self._began.get(envelope.session)
        if began is None or envelope.ingest_ts < began:
            self._began[envelope.session] = envelope.ingest_ts
        runs.append(_Run(envelope, position))
        if len(runs) > MAX_RUNS:
            self._settled += self._violations(runs, self._examples)
            runs[:] = [max(runs, key=lambda run: self._first_seq[run.session])]

    def _observe_seq(self, envelope: Envelope, position: Position) -> None:
        key = envelope.channel, envelope.symbol
        last = self._last.get(key)
        if last is None:
            self._last[key] = _Last(envelope, position)
            return
        if position.partition != last.partition:
            # Order means nothing between partitions; that a symbol is in two of them is the fault.
            self.split[envelope.channel] += 1
            self._examples.add(_example("wrong", envelope, f"{position}: symbol is also in [{last.partition}]"))
            return
        if envelope.seq <= last.seq:
            self.reordered[envelope.channel] += 1
            self._examples.add(_example("reordered", envelope, f"{position}: seq {envelope.seq} after {last.seq}"))
            return
        if envelope.session == last.session and envelope.seq != last.seq + 1:
            self.seq_gaps[envelope.channel] += 1
            self._examples.add(_example("seq_gaps", envelope, f"{position}: seq {envelope.seq} after {last.seq}"))
        last.seq, last.session = envelope.seq, envelope.session

    def handovers(self) -> list[tuple[int, int]]:
        """Times (from, until; ns) between the last record of one instance and the first of the one that took over."""
        sessions = sorted(self._began, key=self._first_seq.__getitem__)
        return [
            (self._ended[last], self._began[following])
            for last, following in pairwise(sessions)
            if _instance(last) != _instance(following)
        ]

    def fencing(self, examples: Examples) -> int:
        """Records of an older session after a newer one began, in the same partition and of the same feed.

        A session's `seq` begin with its start. Its records may be older: what the one before it could not write.
        """
        return self._settled + sum(self._violations(runs, examples) for runs in self._runs.values())

    def _violations(self, runs: list[_Run], examples: Examples) -> int:
        found, newest = 0, -1
        for run in runs:
            began = self._first_seq[run.session]
            if began < newest:
                found += run.count
                examples.add(_example("fencing", run.envelope, f"{run.position}: {run.count} of session {run.session}"))
            newest = max(newest, began)
        return found


def _instance(session: str) -> str:
    """A session's name begins with that of its instance."""
    return session.rpartition("-")[0]


def _example(what: str, envelope: Envelope, where: str) -> Example:
    return Example(what, envelope.channel, envelope.symbol, f"seq={envelope.seq}", envelope.event_ts, where)  # type: ignore[arg-type]
