"""The repair of a gap: what history has and Kafka has not, before the live stream goes on.

The interval runs from where each channel was last covered (less the delay with which prints may be reported) to a
moment after the new connection's first event; the intake matches what all sides know of it. Trade changes in the gap
are looked for afterwards, beside the live stream, in a longer stretch of history, because a change may concern a trade
from before the gap. What cannot be repaired is said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

import msgspec
import structlog

from torghut.config import KafkaSettings, load
from torghut.feed.messages import Message, overlap_key
from torghut.forwarder.bars import unknown_bars
from torghut.forwarder.changes import CORRECTED, derive
from torghut.forwarder.delivery import Delivery
from torghut.forwarder.history import History, HistoryError, Past
from torghut.forwarder.intake import LATEST_NS, Intake
from torghut.forwarder.link import Client, persist
from torghut.forwarder.metrics import Metrics
from torghut.forwarder.readiness import Gate
from torghut.forwarder.tail import Seen, Tail
from torghut.platform.waiting import backoff, until
from torghut.wire import topics
from torghut.wire.status import Reason
from torghut.wire.times import NS_PER_S
from torghut.wire.topics import Channel

FIRST_EVENT_S: Final = 2.0
"""How long to wait for the connection's first event before the wall clock stands in for it."""

SETTLE_S: Final = 1.0
"""History of the last second may still grow: the interval's end lies this far back when it is fetched."""

SKEW_NS: Final = 5 * NS_PER_S
"""Channels and exchanges have clocks of their own: a trade from before the connection may be dated later than the
first event on it. Reading too far is harmless where events have identities."""

QUOTE_SKEW_NS: Final = NS_PER_S // 2
"""The same for quotes, which have none: shorter than the time for which history is given to settle, so that two equal
quotes are never on different sides of the moment at which history was read."""

BATCH: Final = 2_000
"""Events that are matched and handed to delivery in one go."""

MINUTE_NS: Final = 60 * NS_PER_S

RECORDING_NS: Final = 3600 * NS_PER_S
"""Events this far behind the clock are a recording's, with times of its own: the clock says nothing about them."""

BAR_NS: Final = 180 * NS_PER_S
"""A minute bar comes a minute after its time, its update half a minute later."""

T = TypeVar("T")

_log = structlog.get_logger()


class Gap(msgspec.Struct, frozen=True):
    """What to repair: event times from `start` to `end`, bars from `bars_start`; records from `records_since` (ns).

    `known_at` is when `end` was, by the wall clock.
    `lost_since` is set when the gap is longer than may be repaired: what lies between it and `start` is reported.
    """

    start: int
    end: int
    bars_start: int
    records_since: int
    known_at: int
    lost_since: int | None


def gap(seen: dict[Channel, Seen], end: int, now: int, limit_ns: int) -> Gap | None:
    """The gap behind a new connection. Pure.

    Args:
        seen: how far each channel is covered; an `ingest_ts` of 0 means that nobody knows.
        end: event time up to which history is to be read, ns.
        now: wall clock, ns.
        limit_ns: how old a gap may be.

    Returns:
        None when nothing was covered before, so that nothing can be missing.
    """
    if not seen:
        return None
    flowing = [mark for channel, mark in seen.items() if channel in {Channel.TRADES, Channel.QUOTES}] or [
        *seen.values()
    ]
    known = [mark for mark in flowing if mark.ingest_ts]
    received = min((mark.ingest_ts for mark in known), default=0)
    if received < now - limit_ns:
        start = end - limit_ns
        newest = max(mark.event_ts for mark in flowing)
        # A quiet channel beside one that flowed lost nothing, and 0 is no time since which anything could be lost.
        lost_since = newest if 0 < newest < start - LATEST_NS else None
        received = now - limit_ns
    else:
        start = min(min(mark.event_ts, mark.ingest_ts) for mark in known)
        lost_since = None
    bars = [mark.event_ts for channel, mark in seen.items() if channel is Channel.BARS and mark.event_ts]
    return Gap(
        start=start - LATEST_NS,
        end=end,
        bars_start=max(min([*bars, start]), start - limit_ns) - BAR_NS,
        records_since=received - 2 * LATEST_NS,
        known_at=now,
        lost_since=lost_since,
    )


class Repair:
    """One repair, for the connection that was just subscribed.

    `limit_s` is how old a gap may be, `delay_ns` how far the feed runs behind the clock; `report` gets the gate while
    the repair is under way.
    """

    def __init__(
        self,
        intake: Intake,
        delivery: Delivery,
        history: History,
        metrics: Metrics,
        *,
        limit_s: float,
        delay_ns: int,
        report: Callable[[Gate], None],
    ) -> None:
        self._intake = intake
        self._delivery = delivery
        self._history = history
        self._metrics = metrics
        self._limit_ns = int(limit_s * NS_PER_S)
        self._delay_ns = delay_ns
        self._report = report

    async def run(self, channels: Sequence[Channel], symbols: Sequence[str]) -> Gap | None:
        """Publish what is missing. Does not release the intake. Returns the gap; None when there was none."""
        if not self._intake.seen:
            return None
        self._report(Gate(Reason.REPAIRING, "waiting for Kafka to acknowledge what was received"))
        await self._delivered()
        found = gap(self._intake.seen, await self._end(), time.time_ns(), self._limit_ns)
        if found is None:
            return None
        self._intake.overlap(await self._reading(partial(_published, found)), found.end + SKEW_NS)
        quotes_end, last = found.end + QUOTE_SKEW_NS, found.end + SKEW_NS
        missing = 0
        for kinds, start, end in (
            ((Channel.TRADES, Channel.QUOTES), found.start, quotes_end),
            ((Channel.TRADES,), quotes_end, last),
        ):
            wanted = [kind for kind in kinds if kind in channels]
            if wanted:
                missing += await self._fetch(wanted, symbols, start, end)
        if Channel.BARS in channels:
            missing += await self._bars(found, symbols, updates=Channel.UPDATED_BARS in channels)
        # A live record in Kafka says that all before it is covered; so history has to be there first.
        await self._delivered()
        self._tell(found, missing, channels)
        return found

    def advance(self, found: Gap | None) -> None:
        """What history covered needs no second look: the next gap begins where this one ended.

        Records of that moment may be as old as it is, however long the repair took. Where a recording with times of
        its own was covered up to the clock, its times go on from where they were.
        """
        if found is not None and found.end - found.start <= self._limit_ns + RECORDING_NS:
            self._intake.covered(found.end, found.known_at)

    async def changes(self, found: Gap, symbols: Sequence[str]) -> int:
        """Publish corrections and cancels in reach of the gap that are not in Kafka. Returns how many."""
        start = found.start - self._limit_ns
        marked: list[Past] = []
        async for _, events in self._slices([Channel.TRADES], symbols, start, found.end):
            marked += [past for past in events if past.mark]
        if not marked:
            return 0
        derived = derive(marked)
        for message in await self._reading(partial(_changes, time.time_ns() - (found.end - start) - LATEST_NS)):
            self._intake.remember(message)
        if derived.lone:
            _log.warning("corrections without an original in history", trades=len(derived.lone))
        return self._intake.change(derived.messages, time.time_ns())

    async def _delivered(self) -> None:
        """Wait until all that was accepted is in Kafka, so that reading it back shows everything."""
        await until(lambda: not len(self._delivery))

    async def _end(self) -> int:
        """Event time just after the connection's beginning, when history has settled up to there.

        The first events need not be new: a feed may begin by sending again what it sent before.
        """
        await until(lambda: self._intake.newest_held is not None, FIRST_EVENT_S)
        covered = max(mark.event_ts for mark in self._intake.seen.values())
        clock, first = time.time_ns() - self._delay_ns, self._intake.newest_held
        await asyncio.sleep(SETTLE_S)
        recording = first is not None and first < clock - RECORDING_NS
        return max(covered, first or 0, 0 if recording else clock) + 1

    async def _fetch(self, kinds: Sequence[Channel], symbols: Sequence[str], start: int, end: int) -> int:
        missing = 0
        async for reached, events in self._slices(kinds, symbols, start, end):
            for batch in _batches([e.message for e in events if e.mark != CORRECTED]):
                await until(lambda: self._delivery.roomy)  # a full queue would end the connection
                await asyncio.sleep(0)  # let the lease, the socket and acknowledgements have their turn
                missing += self._intake.repair(batch, time.time_ns())
            left_s = (end - reached) / NS_PER_S
            self._report(Gate(Reason.REPAIRING, f"{missing} events repaired, {left_s:.0f} s of history to go"))
        return missing

    async def _bars(self, found: Gap, symbols: Sequence[str], *, updates: bool) -> int:
        history: list[Message] = []
        # A bar is of the minute that begins at its time: those that are not over yet come live.
        async for _, events in self._slices([Channel.BARS], symbols, found.bars_start, found.end - MINUTE_NS + 1):
            history += [event.message for event in events]
        known = [*await self._reading(partial(_known_bars, found)), *self._intake.held()]
        return self._intake.repair([*unknown_bars(history, known, updates=updates)], time.time_ns())

    async def _reading(self, read: Callable[[Tail], T]) -> T:
        """Read our own topics in a thread, until it works."""

        def blocking(client: Client) -> T:
            with Tail(client, load(KafkaSettings).topic_prefix) as tail:
                return read(tail)

        return await persist(blocking, self._report)

    async def _slices(
        self, kinds: Sequence[Channel], symbols: Sequence[str], start: int, end: int
    ) -> AsyncIterator[tuple[int, list[Past]]]:
        """Slices of history as (end, events); a failing history is asked again until it answers."""
        delays = enumerate(backoff(0.5, 15.0), start=1)
        while start < end:
            try:
                async for piece in self._history.slices(kinds, symbols, start, end):
                    yield piece.end, piece.events
                    start = piece.end
                    delays = enumerate(backoff(0.5, 15.0), start=1)
            except HistoryError as error:
                attempt, delay = next(delays)
                self._report(Gate(Reason.ALPACA_HISTORY, str(error), "error", attempt))
                _log.warning("history failed", detail=str(error), status=error.status, attempt=attempt)
                await asyncio.sleep(max(delay, error.retry_after_s or 0.2))

    def _tell(self, found: Gap, missing: int, channels: Sequence[Channel]) -> None:
        for channel in topics.WITHOUT_HISTORY.intersection(channels):
            self._metrics.gap_seconds[channel] += (found.end - found.start - LATEST_NS) // NS_PER_S
        if found.lost_since is not None:
            seconds = (found.start - found.lost_since) // NS_PER_S
            self._metrics.gap_seconds["trades"] += seconds
            _log.error("gap is too old to repair", lost_from=found.lost_since, lost_to=found.start, seconds=seconds)
        _log.info("repaired", events=missing, start=found.start, end=found.end)


def _published(found: Gap, tail: Tail) -> list[Hashable]:
    return [overlap_key(message) for message in tail.published(found.records_since, found.start)]


def _known_bars(found: Gap, tail: Tail) -> list[Message]:
    reach = found.start - found.bars_start + BAR_NS
    return list(tail.published(found.records_since - reach, found.bars_start, topics.BARS_1M))


def _changes(since: int, tail: Tail) -> list[Message]:
    return list(tail.changes(since))


def _batches(messages: list[Message]) -> Iterator[list[Message]]:
    """Pieces that do not keep the event loop for long."""
    return (messages[i : i + BATCH] for i in range(0, len(messages), BATCH))
