"""The longest silence of an output topic, as one who reads it sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from torghut.platform.kafka.reader import ReadError, TopicReader
from torghut.platform.waiting import wait_until

_POLL_S: Final = 0.1
_JOIN_S: Final = 15.0
_FIRST_S: Final = 30.0
_SHORT_NS: Final = 50_000_000
"""Silences up to this are not remembered."""


class SilenceMeter:
    """Follows a topic in a thread of its own, inside a `with` block that begins when the first record was heard."""

    def __init__(self, client: Mapping[str, Any], topic: str) -> None:
        self._client = dict(client)
        self._topic = topic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="silence-meter", daemon=True)
        self._silences: list[tuple[int, int]] = []
        self._last_ns: int | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        with suppress(TimeoutError):  # a topic that is silent by itself has no longest silence
            wait_until(lambda: self._last_ns, _FIRST_S, f"a record of {self._topic}")
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
            self._heard(time.time_ns())

    def longest_ms(self, pauses: Iterable[tuple[int, int]] = ()) -> float | None:
        """The longest time without a record, less that of pauses (from, to; ns); None when nothing was ever heard."""
        if self._last_ns is None:
            return None
        return longest_ns(self._silences, tuple(pauses)) / 1_000_000

    def _heard(self, now_ns: int) -> None:
        if self._last_ns is not None:
            if now_ns - self._last_ns > _SHORT_NS:
                self._silences.append((self._last_ns, now_ns))
            self._last_ns = now_ns

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
                    self._last_ns = self._last_ns or time.time_ns()
                    self._heard(time.time_ns())
        except (KafkaException, ReadError):
            return  # nothing was heard: that is what the result says
        finally:
            consumer.close()

    def _ends(self) -> list[TopicPartition]:
        with TopicReader(self._client, [self._topic]) as reader:
            ends = reader.ends(reader.partitions())
        return [TopicPartition(partition.topic, partition.number, high) for partition, (_, high) in ends.items()]


def longest_ns(silences: Iterable[tuple[int, int]], pauses: Sequence[tuple[int, int]]) -> int:
    """The longest of the silences (from, to), each less what of it lies in pauses; 0 without any."""

    def heard_in_vain(start: int, end: int) -> int:
        return end - start - sum(max(0, min(end, to) - max(start, since)) for since, to in pauses)

    return max((heard_in_vain(*silence) for silence in silences), default=0)
