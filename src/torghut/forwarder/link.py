"""The link to Kafka: opens generations of delivery, notices when one is over, finds out why, and opens the next.

Before each generation the topics are read back: at the start for what earlier sessions left, after a failure for which
of the records in flight made it. Blocking work runs in threads; delivery itself stays on the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import structlog
from confluent_kafka import KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient

from torghut.config import ConfigError, KafkaSettings, load
from torghut.feed.messages import Message
from torghut.forwarder.delivery import Delivery, Token, producer_settings
from torghut.forwarder.kafka_errors import Trouble, reason_of
from torghut.forwarder.readiness import OPEN, Gate
from torghut.forwarder.sequence import Sequencer
from torghut.forwarder.settings import ForwarderSettings
from torghut.forwarder.tail import MARKET_TOPICS, Recollection, Tail
from torghut.platform.kafka.reader import ReadError
from torghut.platform.waiting import backoff
from torghut.wire import topics
from torghut.wire.status import Reason, State

PROMPT_S: Final = 0.1
"""How often a blocking request is interrupted to look whether its failure is known already."""

PREFLIGHT_S: Final = 5.0
Client: TypeAlias = dict[str, Any]
T = TypeVar("T")

_log = structlog.get_logger()


class KafkaLinkError(Exception):
    """Kafka cannot be used now. Carries the status reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def preflight(prefix: str, client: Client) -> None:
    """Check that all own topics exist and may be read and written, before anything depends on it. Blocking.

    Raises:
        KafkaLinkError: with the reason.
    """
    trouble = Trouble()
    names = [topics.full_name(topic, prefix) for topic in (*MARKET_TOPICS, topics.STATUS, topics.DLQ)]
    settings: Client = {**client, "error_cb": trouble.saw, "socket.connection.setup.timeout.ms": 5_000}
    admin = AdminClient(settings)
    asked = admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=PREFLIGHT_S
    )
    for name, answer in asked.items():
        while not answer.done():
            if trouble.reason not in {None, Reason.KAFKA_UNREACHABLE}:
                raise KafkaLinkError(trouble.reason or Reason.KAFKA_UNREACHABLE, trouble.detail)
            admin.poll(PROMPT_S)  # serves the errors of the connection: without it a refused login is a mere time-out
        try:
            allowed = set(answer.result().authorized_operations or ())
        except KafkaException as error:
            trouble.saw(error.args[0])
            raise KafkaLinkError(trouble.reason or Reason.KAFKA_UNREACHABLE, f"{name}: {trouble.detail}") from error
        lacking = {AclOperation.READ, AclOperation.WRITE} - allowed
        if lacking:
            words = " and ".join(sorted(operation.name for operation in lacking))
            raise KafkaLinkError(Reason.KAFKA_ACL, f"no right to {words} {name}")


async def persist(blocking: Callable[[Client], T], report: Callable[[Gate], None]) -> T:
    """Run `blocking` in a thread, with the connection settings of the moment, until it works.

    `report` gets the gate of each failure. A state without an end, which the caller's gate shows.
    """
    for attempt, delay in enumerate(backoff(0.2, 5.0), start=1):
        try:
            return await asyncio.to_thread(lambda: blocking(load(KafkaSettings).client()))
        except (KafkaLinkError, ReadError, KafkaException, ConfigError) as error:
            gate = _gate(error, attempt)
        report(gate)
        _log.warning("kafka cannot be used", reason=gate.reason, detail=gate.detail, attempt=attempt)
        await asyncio.sleep(max(delay, PROMPT_S))
    raise AssertionError("the delays never end")


class KafkaLink:
    """Keeps `delivery` supplied with producers. `gate` says how it stands; `recalled` comes with the first reading."""

    def __init__(self, settings: ForwarderSettings, delivery: Delivery, remember: Callable[[Message], object]) -> None:
        self.gate = Gate(Reason.STARTING)
        self.recalled: asyncio.Future[Recollection] = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._delivery = delivery
        self._remember = remember
        self._prefix = load(KafkaSettings).topic_prefix

    async def run(self) -> None:
        """For ever: open a generation, wait until it fails, settle what was in flight."""
        while True:
            await self._retrying(partial(preflight, self._prefix))
            if not self.recalled.done():
                self.recalled.set_result(await self._retrying(self._recall))
            await self._settle()
            self._open(await self._retrying(self._producer))
            await self._delivery.failed.wait()
            trouble = self._delivery.trouble
            self.gate = Gate(trouble.reason or Reason.KAFKA_UNREACHABLE, trouble.detail)
            _log.warning("delivery failed", reason=self.gate.reason, detail=trouble.detail, queued=len(self._delivery))
            self._delivery.end()

    async def _retrying(self, blocking: Callable[[Client], T]) -> T:
        return await persist(blocking, self._closed)

    def _closed(self, gate: Gate) -> None:
        self.gate = gate

    def _recall(self, client: Client) -> Recollection:
        window_s = self._settings.dedup_window_s
        with Tail(client, self._prefix) as tail:
            return tail.recall(window_s, max(window_s, self._settings.repair_max_s), self._remember)

    async def _settle(self) -> None:
        """Find out which records of the last generation are in Kafka; the others wait again."""
        since, sequencer = self._delivery.unknown_since(), self._delivery.sequencer
        found: set[Token] = set()
        if since is not None and sequencer is not None:
            await self._unmuted()
            found = await self._retrying(partial(self._written, sequencer.session, since))
        settled = self._delivery.resolve(found)
        if since is not None:
            _log.info("read back what was in flight", found=settled, again=len(self._delivery))

    async def _unmuted(self) -> None:
        """Wait until the broker has written what lay unread in a connection that it had muted."""
        while (left := self._delivery.muted_s()) > 0:
            self.gate = Gate(Reason.KAFKA_UNREACHABLE, throttled(left))
            await asyncio.sleep(min(left, 1.0))

    def _written(self, session: str, since: int, client: Client) -> set[Token]:
        with Tail(client, self._prefix) as tail:
            return tail.written(session, since)

    def _producer(self, client: Client) -> Producer:
        settings = producer_settings(client, self._settings.linger_ms, self._settings.delivery_timeout_ms)
        calls = {"error_cb": self._delivery.trouble.saw, "throttle_cb": self._delivery.throttled}
        return Producer({**settings, **calls})

    def _open(self, producer: Producer) -> None:
        last = self._delivery.sequencer
        greatest = last.greatest if last else self.recalled.result().greatest_seq
        sequencer = Sequencer(self._settings.instance, time.time_ns() // 1000, greatest)
        self._delivery.begin(producer, sequencer)
        self.gate = OPEN
        _log.info("session begins", session=sequencer.session, queued=len(self._delivery))


def throttled(left_s: float) -> str:
    """A connection that the broker mutes for `left_s` more seconds, in words."""
    return f"a quota on our user: the broker reads nothing more from our connection for {left_s:.0f} s"


def _gate(error: Exception, attempt: int) -> Gate:
    if isinstance(error, KafkaLinkError):
        reason = error.reason
    elif isinstance(error, ReadError):
        reason = reason_of(error.code)
    elif isinstance(error, ConfigError):
        reason = Reason.KAFKA_TLS if "CA_FILE" in str(error) else Reason.KAFKA_AUTH
    else:
        reason = reason_of(error.args[0].code())
    state: State = "reconnect" if reason is Reason.KAFKA_UNREACHABLE else "error"
    return Gate(reason, str(error), state, attempt)
