"""Publishing the status: every change, and a heartbeat every ten seconds, on a producer of its own.

Its own, so that status gets through when market data does not (a missing right on one topic), and so that a standby,
which must not write market data, can speak. Changes that cannot be written wait and are published later with their
own time; at least once, which a compacted topic of states forgives.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from torghut.config import ConfigError
from torghut.forwarder.kafka_errors import Trouble
from torghut.forwarder.readiness import Readiness
from torghut.wire import topics
from torghut.wire.status import ForwarderStatus
from torghut.wire.times import NS_PER_MS

HEARTBEAT_S: Final = 10.0
TIMEOUT_MS: Final = 5_000


class Announcer:
    """Publishes a `Readiness`. `tick` has to be called about every 100 ms or more often. One record at a time."""

    def __init__(self, readiness: Readiness, instance: str, prefix: str, client: Callable[[], dict[str, Any]]) -> None:
        """Set up without connecting.

        Args:
            readiness: what is announced.
            instance: key of the records, after the component's name.
            prefix: `TOPIC_PREFIX`.
            client: librdkafka's connection settings, read anew after a failure (a password may have changed).
        """
        self.trouble = Trouble()
        self.last_acknowledged = float("-inf")  # monotonic s
        self._readiness = readiness
        self._key = f"forwarder/{instance}".encode()
        self._topic = topics.full_name(topics.STATUS, prefix)
        self._client = client
        self._producer: Producer | None = None
        self._waiting: deque[ForwarderStatus] = readiness.changes
        self._in_flight: ForwarderStatus | None = None
        self._heartbeat_at = 0.0
        self._retry_at = 0.0

    def tick(self, now: float) -> None:
        """Serve reports, send the next record if it is time. Never blocks. `now`: monotonic seconds."""
        if self._producer is not None:
            self._producer.poll(0)
        if self._in_flight is None and now >= self._retry_at:
            self._send_next(now)

    def close(self, timeout_s: float) -> None:
        """Send what waits, as far as `timeout_s` allows."""
        end = time.monotonic() + timeout_s
        while (self._waiting or self._in_flight) and time.monotonic() < end and self._producer is not None:
            self.tick(time.monotonic())
            self._producer.poll(0.02)

    def _send_next(self, now: float) -> None:
        if self._waiting:
            record = self._waiting.popleft()
        elif now >= self._heartbeat_at:
            record = self._readiness.current
        else:
            return
        self._heartbeat_at = now + HEARTBEAT_S
        self._in_flight = record
        try:
            self._connected().produce(
                self._topic,
                msgspec.json.encode(record),
                self._key,
                on_delivery=self._report,
                timestamp=record.ts // NS_PER_MS,
            )
        except (ConfigError, KafkaException, BufferError) as error:
            self._failed(_cause(error))

    def _connected(self) -> Producer:
        if self._producer is None:
            settings = {"acks": "all", "enable.idempotence": True, "delivery.timeout.ms": TIMEOUT_MS, "linger.ms": 0}
            settings |= {"partitioner": topics.PARTITIONER}
            self._producer = Producer({**settings, **self._client(), "error_cb": self.trouble.saw})
        return self._producer

    def _report(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self._in_flight = None
            self.last_acknowledged = time.monotonic()
            self.trouble.over()
        else:
            self._failed(error)

    def _failed(self, error: KafkaError) -> None:
        """Keep the record for later; a new producer, because a broken one may be beyond repair."""
        self.trouble.saw(error)
        if self._in_flight is not None and len(self._waiting) != self._waiting.maxlen:
            self._waiting.appendleft(self._in_flight)
        self._in_flight = None
        self._producer = None
        self._retry_at = time.monotonic() + 1.0


def _cause(error: ConfigError | KafkaException | BufferError) -> KafkaError:
    """The same as Kafka's error. Settings are read anew each time: a secret may be missing while it is exchanged."""
    if isinstance(error, KafkaException):
        cause: KafkaError = error.args[0]
        return cause
    if isinstance(error, ConfigError):
        code = KafkaError._SSL if "CA_FILE" in str(error) else KafkaError._AUTHENTICATION  # noqa: SLF001 - librdkafka's local codes
        return KafkaError(code, str(error))
    return KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001
