"""What an audit found: the contract's document, with additions that help at night."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

import msgspec

Verdict: TypeAlias = Literal["ok", "bad"]
What: TypeAlias = Literal[
    "lost", "duplicated", "unexpected", "wrong", "reordered", "seq_gaps", "fencing", "undecodable", "gap", "missing"
]

BAD: Final[tuple[str, ...]] = ("lost", "duplicated", "reordered", "unexpected", "wrong", "seq_gaps")
"""What must be 0 in every channel. `gap` is apart: nobody can repair it, it only must have been said."""


class Period(msgspec.Struct, frozen=True):
    """The record time that was audited, ns: start inclusive, end exclusive."""

    start_ns: int
    end_ns: int


class ChannelCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's counts, as `docs/audit.md` defines them. sent = received + lost + gap."""

    sent: int = 0
    received: int = 0
    repaired: int = 0
    dlq: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    gap: int = 0
    unexpected: int = 0
    wrong: int = 0
    seq_gaps: int = 0

    @property
    def bad(self) -> bool:
        """Whether anything is there that must not be."""
        return any(getattr(self, name) for name in BAD)


class Example(msgspec.Struct, frozen=True):
    """One of the first things found wrong, and where to look. `identity` names the event, `where` the record."""

    what: What
    channel: str
    symbol: str
    identity: str
    event_ts: int
    where: str


class Spread(msgspec.Struct, frozen=True):
    """Quantiles of a latency, ms; null where nothing was measured."""

    p50: float | None = None
    p99: float | None = None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """`provisional` and `final` are of TA records; `ingest` is from an event to its `ingest_ts`, live records only."""

    provisional: Spread = Spread()
    final: Spread = Spread()
    ingest: Spread = Spread()


class BarCounts(msgspec.Struct, frozen=True):
    """TA's 1-second bars against a recomputation of our own; null while they are not audited."""

    expected: int | None = None
    final: int | None = None
    missing: int | None = None
    duplicated: int | None = None
    wrong: int | None = None

    @property
    def bad(self) -> bool:
        """Whether anything is there that must not be."""
        return bool(self.missing or self.duplicated or self.wrong)


class SignalCounts(BarCounts, frozen=True):
    """TA's signals against a recomputation of our own; null while they are not audited."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an audit; encodes to the document of `torghut audit --json`.

    `fencing` counts records of an older session after a newer one began, `undecodable` records that are no envelope,
    `injected` the bad frames that the simulator sent, `dlq` all dead letters. `events` and `records` are what was
    read, `seconds` how long that took.
    """

    verdict: Verdict
    window: Period
    channels: dict[str, ChannelCounts]
    bars: BarCounts = BarCounts()
    signals: SignalCounts = SignalCounts()
    max_gap_ms: float = 0.0
    latency_ms: Latency = Latency()
    fencing: int = 0
    undecodable: int = 0
    dlq: int = 0
    injected: dict[str, int] = {}
    events: int = 0
    records: int = 0
    seconds: float = 0.0
    examples: tuple[Example, ...] = ()


class Examples:
    """The first few of each kind."""

    def __init__(self, each: int = 5) -> None:
        self._each = each
        self._found: dict[str, list[Example]] = {}

    def wants(self, what: What) -> bool:
        """Whether another one of this kind is of use: making one costs time."""
        return len(self._found.get(what, ())) < self._each

    def add(self, example: Example) -> None:
        """Keep it if there are few of its kind."""
        if self.wants(example.what):
            self._found.setdefault(example.what, []).append(example)

    def extend(self, others: Iterable[Example]) -> None:
        """Keep of these what there are few of."""
        for example in others:
            self.add(example)

    def __iter__(self) -> Iterator[Example]:
        for found in self._found.values():
            yield from found
