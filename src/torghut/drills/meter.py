"""The longest silence of an output topic, as one who reads it sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from torghut.platform.kafka.reader import ReadError, TopicReader
from torghut.platform.waiting import wait_until

_POLL_S: Final = 0.1
_JOIN_S: Final = 15.0
_FIRST_S: Final = 30.0


class SilenceMeter:
    """Follows a topic in a thread of its own, inside a `with` block that begins when the first record was heard.

    `longest_ms` is the longest time without a record.
    """

    def __init__(self, client: Mapping[str, Any], topic: str) -> None:
        self._client = dict(client)
        self._topic = topic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="silence-meter", daemon=True)
        self._longest_s = 0.0
        self._last_s: float | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        with suppress(TimeoutError):  # a topic that is silent by itself has no longest silence
            wait_until(lambda: self._last_s, _FIRST_S, f"a record of {self._topic}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the measurement; the silence that lasts counts."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join(_JOIN_S)
            self._heard(time.monotonic())

    @property
    def longest_ms(self) -> float | None:
        """None when nothing was ever heard."""
        return None if self._last_s is None else self._longest_s * 1000

    def _heard(self, now_s: float) -> None:
        if self._last_s is not None:
            self._longest_s = max(self._longest_s, now_s - self._last_s)
            self._last_s = now_s

    def _follow(self) -> None:
        consumer = Consumer(
            {
                "group.id": "torghut-audit-meter",  # asked for by librdkafka; never joined, never committed
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                **self._client,
            }
        )
        try:
            consumer.assign(self._ends())
            while not self._stop.is_set():
                message = consumer.poll(_POLL_S)
                if message is not None and message.error() is None:
                    self._last_s = self._last_s or time.monotonic()
                    self._heard(time.monotonic())
        except (KafkaException, ReadError):
            return  # nothing was heard: that is what the result says
        finally:
            consumer.close()

    def _ends(self) -> list[TopicPartition]:
        with TopicReader(self._client, [self._topic]) as reader:
            ends = reader.ends(reader.partitions())
        return [TopicPartition(partition.topic, partition.number, high) for partition, (_, high) in ends.items()]
