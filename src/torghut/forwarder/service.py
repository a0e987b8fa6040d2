"""The forwarder as a process: takes the lease, keeps Kafka and the feed going, tells how it stands, leaves in order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Final, NoReturn

import httpx
import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from torghut.calendar import ALWAYS_OPEN, calendar_for
from torghut.config import AlpacaKeys, AlpacaSettings, ConfigError, KafkaSettings, Symbols, load
from torghut.feed.backoff import Backoff, Schedule
from torghut.feed.messages import Reject
from torghut.feed.session import Keys, Recovery, Subscription
from torghut.feed.watchdog import Watchdog
from torghut.forwarder.announce import HEARTBEAT_S, Announcer
from torghut.forwarder.connection import Connection, Ending
from torghut.forwarder.dedup import DedupWindow
from torghut.forwarder.delivery import Delivery
from torghut.forwarder.health import JSON, Answer, Endpoint, HealthServer
from torghut.forwarder.history import History
from torghut.forwarder.intake import Intake
from torghut.forwarder.lease import Lease, LeaseLost
from torghut.forwarder.leases import open_lease
from torghut.forwarder.link import KafkaLink, throttled
from torghut.forwarder.metrics import Histogram, Metrics
from torghut.forwarder.readiness import OPEN, Gate, Readiness
from torghut.forwarder.repair import Repair
from torghut.forwarder.settings import ForwarderSettings
from torghut.platform.waiting import until
from torghut.wire.status import Reason, State
from torghut.wire.times import NS_PER_S

POLL_S: Final = 0.005
"""How often delivery reports are served when no frame arrives."""

LOOK_S: Final = 0.1
"""How often gates and status are looked at."""

ALIVE_S: Final = 10.0
"""An event loop that did not turn for so long is not alive."""

STALLED_S: Final = 3.0
"""A record that waits longer for its acknowledgement closes the Kafka gate, before its delivery fails."""

LEAVE_S: Final = 7.0
"""How long SIGTERM waits for acknowledgements; with all the rest it is less than ten seconds."""

DELAYED_NS: Final = 15 * 60 * NS_PER_S
"""How far the feed `delayed_sip` runs behind the clock."""

EXIT_LEASE_LOST: Final = 75

_log = structlog.get_logger()


class Forwarder:
    """Everything of one instance. `run` returns when SIGTERM or SIGINT was answered."""

    def __init__(
        self, settings: ForwarderSettings, kafka: KafkaSettings, alpaca: AlpacaSettings, symbols: Symbols
    ) -> None:
        self._settings = settings
        self._alpaca = alpaca
        self._symbols = symbols
        self._lease: Lease = open_lease(settings)
        self._readiness = Readiness(settings.instance, time.time_ns)
        self._produce_times = Histogram()
        self._delivery = Delivery(
            feed=alpaca.feed,
            prefix=kafka.topic_prefix,
            lease=self._lease,
            limit=settings.queue_max_records,
            observe=self._produce_times.observe,
            abandon=self._abandon,
        )
        self._metrics = Metrics(
            lambda: self._readiness.gates,
            lambda: self._readiness.current.status,
            lambda: len(self._delivery),
            self._outcomes,
            self._produce_times,
        )
        dedup = DedupWindow(settings.dedup_window_s, settings.dedup_capacity)
        self._intake = Intake(self._delivery, dedup, self._metrics, settings.queue_max_records)
        self._announcer = Announcer(
            self._readiness, settings.instance, kafka.topic_prefix, lambda: load(KafkaSettings).client()
        )
        self._link = KafkaLink(settings, self._delivery, self._intake.remember)
        calendar = ALWAYS_OPEN if settings.market_calendar == "always" else calendar_for(alpaca.feed)
        self._watchdog = Watchdog(calendar, settings.stale_after_s, alpaca.feed)
        self._backoff = Backoff(
            random.Random(),  # noqa: S311 - spreads retries
            Schedule(settings.reconnect_base_ms / 1e3, settings.reconnect_max_ms / 1e3),
        )
        self._connection: Connection | None = None
        self._nudge = asyncio.Event()
        """Set when configuration changed: what seemed final may work now."""
        self._beat = time.monotonic()
        self._active = False
        self._leaving = asyncio.Event()

    async def run(self) -> None:
        """Serve until asked to leave.

        Raises:
            HealthServerError: a port is taken.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leaving.set)
        loop.add_signal_handler(signal.SIGHUP, self._reread_symbols)
        health = HealthServer(self._endpoints(), self._settings.health_host)
        work = [asyncio.create_task(part) for part in (self._look_after(), self._work())]
        leaving = asyncio.create_task(self._leaving.wait())
        await asyncio.wait([*work, leaving], return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            if task.done():
                task.result()  # nothing here ends by itself: let the cause be seen
        await self._leave(work)
        health.close()

    async def _work(self) -> NoReturn:
        await self._take_lease()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_lease())
            group.create_task(self._link.run())
            group.create_task(self._feed())
        raise AssertionError("these run for ever")

    async def _take_lease(self) -> None:
        self._readiness.role("standby")
        while True:
            if await asyncio.to_thread(self._lease.acquire):
                break
            await asyncio.sleep(self._lease.retry_s * random.uniform(0.5, 1.5))  # noqa: S311 - spreads standbys
        self._active = True
        self._readiness.role("active")
        _log.info("lease taken", ttl_s=self._lease.ttl_s)

    async def _keep_lease(self) -> NoReturn:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease.ttl_s / 4):
                    await self._delivery.muted.wait()
            self._delivery.muted.clear()
            try:
                await asyncio.to_thread(self._lease.renew)
            except LeaseLost as lost:
                _log.error("lease lost", detail=str(lost))
                self._abandon()

    def _abandon(self) -> NoReturn:
        """Leave at once, without flushing: what is still queued belongs to the successor."""
        _log.error("the lease is over: leaving without another write", queued=len(self._delivery))
        sys.stderr.flush()
        os._exit(EXIT_LEASE_LOST)

    async def _look_after(self) -> NoReturn:
        """Serve delivery reports, gates, status and heartbeats."""
        look_at = 0.0
        while True:
            self._beat = now = time.monotonic()
            self._delivery.poll()
            if now >= look_at:
                look_at = now + LOOK_S
                self._readiness.kafka(self._kafka_gate(now))
                self._readiness.lag_ms = self._metrics.newest_lag_ms()
                self._announcer.tick(now)
            await asyncio.sleep(POLL_S)

    def _kafka_gate(self, now: float) -> Gate:
        """Open when a record or a heartbeat was acknowledged within two intervals and nothing waits too long."""
        delivery, announcer = self._delivery, self._announcer
        if self._active and not self._link.gate.open:
            return self._link.gate
        if self._active and delivery.waiting_s() > STALLED_S:
            trouble = delivery.trouble
            muted = throttled(delivery.muted_s()) if delivery.muted_s() > 0 else ""
            detail = trouble.detail or muted or f"no acknowledgement for {delivery.waiting_s():.0f} s"
            return Gate(trouble.reason or Reason.KAFKA_UNREACHABLE, detail)
        acknowledged = max(delivery.last_acknowledged, announcer.last_acknowledged)
        if announcer.trouble.reason is not None and now - delivery.last_acknowledged > STALLED_S:
            return Gate(announcer.trouble.reason, announcer.trouble.detail)
        if now - acknowledged > 2 * HEARTBEAT_S:
            return Gate(Reason.STARTING)
        return OPEN

    async def _feed(self) -> NoReturn:
        """Connect, serve, wait as the failure asks for, and again."""
        recollection = await self._link.recalled
        self._intake.seen = recollection.seen
        async with httpx.AsyncClient(timeout=httpx.Timeout(30.0, connect=5.0)) as client:
            history = History(self._alpaca, lambda: load(AlpacaKeys), client, self._reject)
            while True:
                await self._room()
                ending = await self._connect(history)
                delay = self._backoff.failed(ending.recovery, time.monotonic())
                self._metrics.reconnects[ending.reason] += 1
                state: State = "reconnect" if ending.recovery is Recovery.RECONNECT else "error"
                self._readiness.alpaca(Gate(ending.reason, ending.detail, state, self._backoff.attempt))
                next_in_s = None if delay == float("inf") else round(delay, 2)  # JSON knows no infinity
                _log.warning("connection ended", reason=ending.reason, detail=ending.detail, next_in_s=next_in_s)
                self._nudge.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if delay == float("inf") else delay):
                        await self._nudge.wait()

    def _reject(self, reject: Reject) -> None:
        self._metrics.rejected[reject.reason] += 1
        self._delivery.reject([reject], time.time_ns())

    async def _room(self) -> None:
        """Wait until Kafka took enough of the queue that reading on makes sense."""
        half = self._settings.queue_max_records // 2
        if len(self._delivery) > half:
            self._readiness.alpaca(Gate(Reason.KAFKA_FULL, "the queue is full: the feed is not read"))
            await until(lambda: len(self._delivery) <= half)

    async def _connect(self, history: History) -> Ending:
        try:
            keys = load(AlpacaKeys)
        except ConfigError as error:
            return Ending(Reason.ALPACA_AUTH, str(error), Recovery.SLOW_RETRY_WITH_NEW_KEYS, served=False)
        pair = Keys(keys.key_id.get_secret_value(), keys.secret_key.get_secret_value())
        self._connection = Connection(
            wanted=self._wanted(),
            keys=lambda: pair,
            watchdog=self._watchdog,
            backoff=self._backoff,
            intake=self._intake,
            delivery=self._delivery,
            repair=Repair(
                self._intake,
                self._delivery,
                history,
                self._metrics,
                limit_s=self._settings.repair_max_s,
                delay_ns=DELAYED_NS if self._alpaca.feed == "delayed_sip" else 0,
                report=self._readiness.alpaca,
            ),
            metrics=self._metrics,
            report=self._readiness.alpaca,
        )
        try:
            return await self._connection.run(stream_url(self._alpaca))
        finally:
            self._connection = None

    def _wanted(self) -> Subscription:
        return Subscription.of(self._alpaca.channels, self._symbols.symbols)

    def _reread_symbols(self) -> None:
        try:
            self._symbols = load(Symbols)
        except ConfigError as error:
            _log.error("symbols not changed", detail=str(error))
            return
        self._nudge.set()
        _log.info("symbols", symbols=self._symbols.symbols)
        if self._connection is not None:
            self._connection.want(self._wanted())

    async def _leave(self, work: list[asyncio.Task[NoReturn]]) -> None:
        """SIGTERM: read no more, let Kafka acknowledge what was accepted, say so, give the lease back."""
        _log.info("leaving", queued=len(self._delivery))
        self._readiness.leave()
        if self._connection is not None:
            self._connection.end(Reason.SHUTDOWN, "asked to leave", Recovery.FINAL)
        delivered = await until(lambda: not len(self._delivery), LEAVE_S if self._active else 0.0)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        if not delivered:
            _log.warning(
                "left without acknowledgement: the next start repairs from history", records=len(self._delivery)
            )
        await asyncio.to_thread(self._announcer.close, 1.0)
        self._delivery.end()
        await asyncio.to_thread(self._lease.release)

    def _outcomes(self) -> dict[tuple[str, str], int]:
        delivered, failures = dict(self._delivery.delivered), dict(self._delivery.failures)  # asked by another thread
        outcomes = {(topic, "acknowledged"): count for topic, count in delivered.items()}
        return outcomes | {("", f"failed:{name}"): count for name, count in failures.items()}

    def _endpoints(self) -> list[Endpoint]:
        health = {"/livez": self._livez, "/readyz": self._readyz}
        metrics = {"/metrics": self._scrape}
        settings = self._settings
        if settings.health_port == settings.metrics_port and settings.health_port:
            return [Endpoint("HEALTH_PORT", settings.health_port, health | metrics)]
        return [
            Endpoint("HEALTH_PORT", settings.health_port, health),
            Endpoint("METRICS_PORT", settings.metrics_port, metrics),
        ]

    def _livez(self) -> Answer:
        alive = time.monotonic() - self._beat < ALIVE_S
        status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
        return status, JSON, msgspec.json.encode({"alive": alive})

    def _readyz(self) -> Answer:
        body = self._readiness.body()
        status = HTTPStatus.OK if body.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return status, JSON, msgspec.json.encode(body)

    def _scrape(self) -> Answer:
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._metrics.registry)


def stream_url(settings: AlpacaSettings) -> str:
    """The feed's WebSocket URL: `ALPACA_STREAM_URL`, with the feed's path unless it has one."""
    base = settings.stream_url.rstrip("/")
    if "/" in base.partition("://")[2]:
        return base
    return base + ("/v1beta3/crypto/us" if settings.feed == "crypto" else f"/v2/{settings.feed}")
