"""One connection to the feed, from opening to its end: carries out what the session says, repairs the gap behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from torghut.feed.backoff import Backoff
from torghut.feed.session import (
    Authenticated,
    Close,
    Data,
    Failed,
    Keys,
    Output,
    Recovery,
    Rejected,
    Send,
    Session,
    Subscribed,
    Subscription,
)
from torghut.feed.subscription import EVERY_SYMBOL
from torghut.feed.watchdog import Watchdog
from torghut.forwarder.delivery import Delivery
from torghut.forwarder.intake import Intake
from torghut.forwarder.metrics import Metrics
from torghut.forwarder.readiness import OPEN, Gate
from torghut.forwarder.repair import Repair
from torghut.forwarder.stream import Stream, StreamError
from torghut.platform import memory
from torghut.wire.status import Reason
from torghut.wire.topics import Channel

TICK_S: Final = 0.25

POLL_S: Final = 0.001
"""How often delivery reports are served between frames: at full speed frames come much more often."""

FLOWING: Final = (Channel.TRADES, Channel.QUOTES)
"""Channels of which a connection that works soon delivers something."""

_log = structlog.get_logger()


class Ending(msgspec.Struct, frozen=True):
    """Why a connection ended, and how to go on. `served`: it was subscribed before."""

    reason: Reason
    detail: str
    recovery: Recovery
    served: bool


class Connection:
    """Runs once. The intake holds until the gap behind is repaired; it is live from then to the end."""

    def __init__(  # noqa: PLR0913 - the parts of the forwarder that meet here
        self,
        *,
        wanted: Subscription,
        keys: Callable[[], Keys],
        watchdog: Watchdog,
        backoff: Backoff,
        intake: Intake,
        delivery: Delivery,
        repair: Repair,
        metrics: Metrics,
        report: Callable[[Gate], None],
    ) -> None:
        self._session = Session(wanted, keys)
        self._state = wanted
        self._watchdog = watchdog
        self._backoff = backoff
        self._intake = intake
        self._delivery = delivery
        self._repair = repair
        self._metrics = metrics
        self._report = report
        self._stream = Stream(self._opened, self._received)
        self._ending: Ending | None = None
        self._polled = 0.0
        self._repairing: asyncio.Task[None] | None = None
        self._unheard: set[Channel] = set()
        """What was not heard on this connection by the end of its repair: a quiet market, or a mute feed."""
        self._refused: Failed | None = None

    async def run(self, url: str) -> Ending:
        """Connect, serve until the connection ends or must be ended, and say why."""
        self._intake.hold()
        try:
            await self._stream.open(url)
        except StreamError as error:
            return Ending(Reason.ALPACA_UNREACHABLE, str(error), Recovery.RECONNECT, served=False)
        try:
            await self._serve()
        finally:
            self._stream.close()
            self._watchdog.disconnected()
            await self._finish_repair()
        return self._ending or Ending(
            Reason.ALPACA_UNREACHABLE, self._stream.close_reason, Recovery.RECONNECT, self._served
        )

    def want(self, subscription: Subscription) -> None:
        """Change the subscription without reconnecting."""
        self._apply(self._session.want(subscription, time.monotonic()))

    def end(self, reason: Reason, detail: str, recovery: Recovery = Recovery.RECONNECT) -> None:
        """End the connection from our side."""
        if self._ending is None:
            self._ending = Ending(reason, detail, recovery, self._served)
        self._stream.close()

    @property
    def _served(self) -> bool:
        return self._repairing is not None

    async def _serve(self) -> None:
        while not self._stream.closed.is_set():
            with suppress(TimeoutError):  # not wait_for: it loses a cancel that comes with the event (CPython 86296)
                async with asyncio.timeout(TICK_S):
                    await self._stream.closed.wait()
            self._look_after(time.monotonic())

    def _look_after(self, now: float) -> None:
        self._apply(self._session.tick(now))
        if self._delivery.full:
            self.end(Reason.KAFKA_FULL, f"{len(self._delivery)} records wait for Kafka: reading stops, repair follows")
        elif self._intake.overflowing:
            self.end(Reason.REPAIRING, "more arrived during the repair than can be held: the rest is repaired next")
        elif self._served and (stale := self._watchdog.check(time.time_ns(), now)) is not None:
            self.end(Reason.STALE_FEED, stale.detail)
        if self._repairing is not None and self._repairing.done():
            self._repairing.result()  # a failure of the repair itself is a fault of ours: let it be seen

    def _opened(self) -> None:
        self._apply(self._session.opened(time.monotonic()))

    def _received(self, message: bytes) -> None:
        ingest_ts = time.time_ns()
        now = time.monotonic()
        for output in self._session.received(message, now):
            if type(output) is Data:
                channels = {message.channel for message in output.messages}
                if self._unheard and not self._unheard.isdisjoint(channels):
                    self._heard()
                self._intake.live(output.messages, ingest_ts)
                for channel in channels:
                    self._watchdog.observed(channel, now)
            else:
                self._apply([output])
        if now - self._polled >= POLL_S:
            self._polled = now
            self._delivery.poll()

    def _apply(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Send():
                    self._stream.send(output.data)
                case Data():
                    self._intake.live(output.messages, time.time_ns())
                case Rejected():
                    for reject in output.rejects:
                        self._metrics.rejected[reject.reason] += 1
                    self._delivery.reject(output.rejects, time.time_ns())
                case Subscribed():
                    self._subscribed(output)
                case Failed():
                    self._failed(output)
                case Close():
                    self._stream.close()
                case Authenticated():
                    _log.info("authenticated")

    def _failed(self, failed: Failed) -> None:
        _log.warning("the feed says", reason=failed.reason, code=failed.code, detail=failed.detail)
        if failed.recovery is Recovery.KEEP:
            self._refused = failed if failed.reason is not Reason.OK else self._refused
        elif failed.recovery is not Recovery.AUTHENTICATE and self._ending is None:
            self._ending = Ending(failed.reason, failed.detail, failed.recovery, self._served)

    def _subscribed(self, subscribed: Subscribed) -> None:
        self._watchdog.subscribed(subscribed.state, time.monotonic())
        _log.info("subscribed", channels=subscribed.state.channels(), settled=subscribed.settled)
        if not subscribed.settled:
            return
        self._state = subscribed.state
        if subscribed.missing:
            self._refused = self._refused or Failed(
                Reason.ALPACA_SUBSCRIPTION, None, "the acknowledgement does not cover all that is wanted", Recovery.KEEP
            )
        else:
            self._refused = None
        if self._repairing is None:
            self._repairing = asyncio.create_task(self._catch_up())
        elif not self._intake.holding:
            self._report(self._gate())

    def _gate(self) -> Gate:
        if self._refused is None:
            return OPEN
        missing = self._session.missing
        names = sorted({symbol for channel in missing.channels() for symbol in missing.symbols(channel)})
        return Gate(self._refused.reason, f"{self._refused.detail}; not covered: {' '.join(names[:20])}", "error")

    def _heard(self) -> None:
        """A channel speaks for the first time, after the repair: what it kept to itself meanwhile is repaired, too."""
        self._unheard.clear()
        self._intake.hold()
        self._repairing = asyncio.create_task(self._catch_up(self._repairing))

    async def _catch_up(self, before: asyncio.Task[None] | None = None) -> None:
        if before is not None:
            await before
        state = self._state
        symbols = sorted(set().union(*(state.symbols(channel) for channel in state.channels())))
        if EVERY_SYMBOL in symbols:
            symbols = sorted(self._intake.symbols)
        gap = await self._repair.run(state.channels(), symbols)
        self._repair.advance(gap)
        if self._intake.overflowing:
            return
        if gap is not None:
            heard = {message.channel for message in self._intake.held()}
            self._unheard = {channel for channel in FLOWING if state.symbols(channel)} - heard
        self._intake.release()
        self._backoff.streaming(time.monotonic())
        self._report(self._gate())
        if gap is not None:
            await self._repair.changes(gap, symbols)
            await asyncio.to_thread(memory.give_back)

    async def _finish_repair(self) -> None:
        """A repair that outgrew the hold is worth finishing: the next gap is shorter. Others begin anew."""
        if self._repairing is None:
            return
        if self._ending is None or self._ending.reason is not Reason.REPAIRING:
            self._repairing.cancel()
        with suppress(asyncio.CancelledError):
            await self._repairing
