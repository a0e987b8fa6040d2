"""How far the log of a partition has come, and which of its seconds the job must have closed by then."""

from __future__ import annotations

from typing import Final

from torghut.audit.ta.rows import Tick
from torghut.audit.ta.terms import NS, Terms

_IDLE_MARGIN_NS: Final = 2 * NS
"""The contract's: silence closes what was seen within idle time-out + 2 s."""


class _Log:
    """One topic's partition. `newest`: its newest event time. The others are of what was received before the end."""

    __slots__ = ("due", "heard", "newest")

    def __init__(self) -> None:
        self.newest = 0
        self.due = 0
        self.heard = 0


class PartitionProgress:
    """Both topics of one partition, as far as they were received before `end_ns`."""

    def __init__(self, terms: Terms, end_ns: int) -> None:
        self._terms = terms
        self._end_ns = end_ns
        self._trades = _Log()
        self._quotes = _Log()
        self._quoted: dict[int, int] = {}
        self._spoke = self._woke = 0
        self.last_print = -1
        self.newest_final = -1

    def take_trade(self, event_ts: int, ingest_ts: int, *, is_print: bool) -> tuple[int, int]:
        """The next record of trades; returns the newest event time before it, and `Tick.woke`."""
        newest = self._trades.newest
        if ingest_ts - self._spoke >= self._terms.least_idle_ns:  # also before the first one
            self._woke = ingest_ts
        self._spoke = max(self._spoke, ingest_ts)
        self._hear(self._trades, event_ts if is_print else 0, ingest_ts)
        self._trades.newest = max(newest, event_ts)
        if is_print and ingest_ts < self._end_ns:
            self.last_print = max(self.last_print, event_ts // NS)
        return newest, self._woke

    def take_quote(self, event_ts: int, ingest_ts: int) -> int:
        """The next quote; returns the newest event time of quotes before it."""
        before = self._quotes.newest
        self._hear(self._quotes, event_ts, ingest_ts)
        self._quotes.newest = self._quoted[ingest_ts // NS] = max(before, event_ts)
        return before

    def _hear(self, log: _Log, event_ts: int, ingest_ts: int) -> None:
        if ingest_ts < self._end_ns:
            log.heard = max(log.heard, ingest_ts)
            log.due = max(log.due, event_ts)

    def floor(self, tick: Tick) -> int:
        """The oldest second that surely was still open to changes when the tick came.

        What is closed follows the trades' own event time; while trades were silent, it may have followed the quotes'.
        """
        newest = tick.newest
        if tick.woke:
            newest = max(newest, *(ns for second, ns in self._quoted.items() if second <= tick.woke // NS), 0)
        return newest // NS - self._terms.revision_s

    @property
    def due(self) -> int:
        """The last second that the job must have closed.

        By event time: the newest of both topics, less the bound. A topic that said nothing for the idle time-out is
        not waited for; when none says anything, all prints are due. And what is older than a final that is there: a
        partition's seconds are closed in their order.
        """
        horizon = self._end_ns - self._terms.idle_ns - _IDLE_MARGIN_NS
        active = [log for log in (self._trades, self._quotes) if log.heard > horizon]
        through = min((log.due - self._terms.bound_ns) // NS - 1 for log in active) if active else self.last_print
        return max(through, self.newest_final - 1)
