"""Event time of one partition: how far each topic has come, which one is idle, and which second is closed.

A topic's watermark is the newest event time in its log so far, less the bound. It never follows the wall clock, which
only decides who is waited for: a topic that said nothing for the idle time-out is not. When none says anything, what
was seen is closed, up to the end of the last second with a print; a repair after an outage is therefore not late.

Silence is the log's, not ours. Before a topic counts as idle, Kafka is asked where its log ends: what we have not read
is waited for however long that takes, and so is a Kafka that does not answer. Where all topics were silent and one
speaks again, the others have the idle time-out once more: after an outage they come back one after the other.
"""

from __future__ import annotations

from typing import Final

import msgspec

NS: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000
_ASK_EVERY_NS: Final = 5 * NS
_TRUST_NS: Final = 10 * NS
"""How often Kafka is asked about a silent topic, and how long its answer holds."""
UNKNOWN: Final = 1 << 63
"""The end of a log that nobody could tell."""


class Bounds(msgspec.Struct, frozen=True):
    """How late records may be, and how long a silent topic is waited for."""

    watermark_ms: int = 2000
    idle_ms: int = 30_000


class TopicClock:
    """How far the log of one topic has come."""

    __slots__ = ("_log_end", "asked_ns", "heard_ns", "newest", "next_offset", "starts")

    def __init__(self, heard_ns: int, next_offset: int = 0, newest: int = 0) -> None:
        self.heard_ns = heard_ns
        self.next_offset = next_offset
        self.newest = newest
        self._log_end = UNKNOWN
        self.asked_ns = 0
        self.starts: list[tuple[int, int]] = []

    def hear(self, first: int, last: int, newest: int, now_ns: int) -> None:
        """A batch of these offsets was taken in; `newest` is its newest event time (ns), 0 if it has none."""
        self.heard_ns = now_ns
        self.next_offset = last + 1
        self.newest = max(self.newest, newest)
        second = self.newest // NS
        if not self.starts or self.starts[-1][0] != second:
            self.starts.append((second, first))

    def learn_end(self, offset: int, now_ns: int) -> None:
        """Kafka said that the log ends before this offset; `UNKNOWN` if it said nothing."""
        self._log_end, self.asked_ns = offset, now_ns

    def is_over(self, now_ns: int) -> bool:
        """Whether all of the log has been taken in, as far as is known now."""
        return self.next_offset >= self._log_end and now_ns - self.asked_ns < _TRUST_NS

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time to ask Kafka for the end of the log."""
        return now_ns - self.asked_ns >= _ASK_EVERY_NS

    def start_of(self, second: int) -> int:
        """An offset before which no record has an event time in `second` (since the epoch) or later.

        `next_offset` when there is none at or after it either.
        """
        return next((first for newest, first in self.starts if newest >= second), self.next_offset)

    def trim(self, second: int) -> None:
        """Forget where seconds before `second` start."""
        self.starts = [start for start in self.starts if start[0] >= second]


class Clock:
    """Event time of a partition. Seconds are since the epoch; `closed` is the last one that is closed."""

    def __init__(self, bounds: Bounds, trades: TopicClock, quotes: TopicClock, closed: int = -1) -> None:
        self.bound_ns: Final = bounds.watermark_ms * _NS_PER_MS
        self._idle_ns: Final = bounds.idle_ms * _NS_PER_MS
        self.trades: Final = trades
        self.quotes: Final = quotes
        self.closed = closed

    def passed(self, newest: int) -> int:
        """The last second that ended before the watermark of a topic whose newest event time is `newest`."""
        return (newest - self.bound_ns) // NS - 1

    def hear(self, topic: TopicClock, offsets: tuple[int, int], newest: int, now_ns: int) -> None:
        """A batch of this topic was taken in: its first and last offset, and its newest event time (see there)."""
        if self._is_silent(self.trades, now_ns) and self._is_silent(self.quotes, now_ns):
            self.trades.heard_ns = self.quotes.heard_ns = now_ns
        topic.hear(*offsets, newest, now_ns)

    def idle(self, topic: TopicClock, now_ns: int) -> bool:
        """Whether nobody waits for this topic. What Kafka said before the silence says nothing of it."""
        return self._was_asked(topic) and topic.is_over(now_ns)

    def unsure(self, topic: TopicClock, now_ns: int) -> bool:
        """Whether Kafka should be asked now if the topic is silent, or only we do not get to read it."""
        return self._is_silent(topic, now_ns) and (topic.is_due(now_ns) or not self._was_asked(topic))

    def _was_asked(self, topic: TopicClock) -> bool:
        """Whether Kafka was asked when the topic had been silent for long enough."""
        return self._is_silent(topic, topic.asked_ns)

    def _is_silent(self, topic: TopicClock, now_ns: int) -> bool:
        return now_ns - topic.heard_ns >= self._idle_ns

    def close(self, last_print: int, now_ns: int) -> int:
        """Close what may be closed now and return the last closed second. `last_print`: the newest second with one."""
        active = [topic for topic in (self.trades, self.quotes) if not self.idle(topic, now_ns)]
        through = min(self.passed(topic.newest) for topic in active) if active else last_print
        self.closed = max(self.closed, through)
        return self.closed

    def watermark(self, now_ns: int) -> int:
        """Event time up to which all is closed, ns."""
        active = [topic for topic in (self.trades, self.quotes) if not self.idle(topic, now_ns)]
        if not active:
            return (self.closed + 1) * NS
        return min(topic.newest for topic in active) - self.bound_ns
