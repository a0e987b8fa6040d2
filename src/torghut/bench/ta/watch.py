"""Reads a subject's output as a user would, and notes when each record could be seen: finals `read_committed`."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
from confluent_kafka import Consumer, TopicPartition

from torghut.bench.errors import BenchError
from torghut.bench.ta.pump import CLOSING
from torghut.wire.topics import TA_BARS_1S, TA_PROVISIONAL, TA_SIGNALS, Channel, full_name

_TOPICS: Final = (TA_BARS_1S, TA_SIGNALS, TA_PROVISIONAL)


class _Counted(msgspec.Struct):
    n: int = 0


class _Record(msgspec.Struct):
    """What is noted of a record; a subject that makes no envelope writes these fields."""

    symbol: str
    seq: int
    ingest_ts: int
    channel: str
    is_final: bool
    payload: _Counted
    revision: int = 0


class Seen(NamedTuple):
    """A final bar: what it is, how many trades it counts, and when it could be read (ns)."""

    symbol: str
    second: int
    revision: int
    trades: int
    at_ns: int


class Watch(Thread):
    """Reads in a thread from `with` on. `provisional`: by symbol, newest trade and time of reading, in pairs (ns).

    A provisional value counts when its signal, the later of its two records, is there; where a subject makes bars
    only, when that is.
    """

    def __init__(self, client: Mapping[str, Any], prefix: str) -> None:
        super().__init__(name="watch", daemon=True)
        self.bars: Final[list[Seen]] = []
        self.provisional: Final[dict[str, array[int]]] = {}
        self.trades = 0
        self._topics: Final = [full_name(topic, prefix) for topic in _TOPICS]
        self._over: Final = Event()
        self._started: Final = Event()
        self._failed: Exception | None = None
        self._signals = False
        self._consumer: Final = Consumer(
            {
                "group.id": "torghut-bench",  # asked for by librdkafka; never joined
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "log_level": 0,
                **client,
            }
        )

    def __enter__(self) -> Self:
        partitions = [
            TopicPartition(name, number, 0)
            for name, topic in zip(self._topics, _TOPICS, strict=True)
            for number in range(topic.partitions[0])
        ]
        self._consumer.assign(partitions)
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self.join(10)
        self._consumer.close()

    def check(self) -> None:
        """Raise BenchError if reading has failed."""
        if self._failed is not None:
            raise BenchError(f"the output could not be read: {self._failed}") from self._failed

    def run(self) -> None:
        """Read until the context is left."""
        decode = msgspec.json.Decoder(_Record).decode
        try:
            while not self._over.is_set():
                message = self._consumer.poll(0.1)
                if message is None or message.error() is not None:
                    continue
                self._note(decode(message.value() or b""), time.time_ns())
        except Exception as error:  # noqa: BLE001 - told by `check` in the thread that can act on it
            self._failed = error

    def _note(self, record: _Record, at_ns: int) -> None:
        is_bar = record.channel == Channel.TA_BARS
        if record.is_final:
            if is_bar and not record.symbol.startswith(CLOSING):
                self.bars.append(Seen(record.symbol, record.seq, record.revision, record.payload.n, at_ns))
                self.trades += record.payload.n
        elif not is_bar or not self._signals:
            self._signals = self._signals or not is_bar
            self.provisional.setdefault(record.symbol, array("q")).extend((record.ingest_ts, at_ns))

    def forget(self) -> None:
        """Begin a new page: what was noted so far belongs to another load."""
        self.bars.clear()
        self.provisional.clear()
        self.trades = 0
