"""Signals as somebody who uses them sees them: read as they are committed, with how late each one came."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Final, Self

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from torghut.config import KafkaSettings
from torghut.platform.kafka.reader import TopicReader
from torghut.wire.envelope import Envelope, Signal, decode_envelope
from torghut.wire.topics import TA_PROVISIONAL, TA_SIGNALS, Channel, full_name

_NS_PER_MS: Final = 1_000_000
_BATCH: Final = 500
_POLL_S: Final = 0.1
_REMEMBERED: Final = 4_000
"""Latencies that quantiles are taken of: the newest ones."""
_SHOWN: Final = 5

_signal = msgspec.json.Decoder(Signal)


class Latency(msgspec.Struct, frozen=True):
    """Quantiles, ms; None before the first."""

    p50: float | None = None
    p99: float | None = None


class SignalRow(msgspec.Struct, frozen=True):
    """A symbol's newest final signal."""

    symbol: str
    end_ns: int
    revision: int
    signal: Signal


class SignalTraffic(msgspec.Struct, frozen=True):
    """What was seen so far.

    Finals count revision 0 only. `first_at` is when the first came (`time.monotonic`). Provisional latency is from the
    newest contributing record's receipt, final latency from the window's end (or from such a record, if it came later).
    """

    finals: int = 0
    revisions: int = 0
    provisionals: int = 0
    first_at: float | None = None
    provisional: Latency = Latency()
    final: Latency = Latency()
    newest: tuple[SignalRow, ...] = ()


class SignalWatch:
    """Reads in a thread of its own, from where the topics end when it is made. Use it with `with`."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Find the ends.

        Raises:
            ReadError: the topics cannot be read.
        """
        self._client: Final = kafka.client()
        self._finals_topic: Final = full_name(TA_SIGNALS, kafka.topic_prefix)
        topics = [self._finals_topic, full_name(TA_PROVISIONAL, kafka.topic_prefix)]
        with TopicReader(self._client, topics) as reader:
            self._start: Final = {it: end for it, (_, end) in reader.ends(reader.partitions()).items()}
        self._stop: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._read, name="signals", daemon=True)
        self._lock: Final = threading.Lock()
        self._counts = {"finals": 0, "revisions": 0, "provisionals": 0}
        self._first_at: float | None = None
        self._provisional: deque[float] = deque(maxlen=_REMEMBERED)
        self._final: deque[float] = deque(maxlen=_REMEMBERED)
        self._newest: dict[str, SignalRow] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def traffic(self) -> SignalTraffic:
        """All until now."""
        with self._lock:
            rows = sorted(self._newest.values(), key=lambda row: row.end_ns, reverse=True)
            return SignalTraffic(
                **self._counts,
                first_at=self._first_at,
                provisional=_latency(self._provisional),
                final=_latency(self._final),
                newest=tuple(sorted(rows[:_SHOWN], key=lambda row: row.symbol)),
            )

    def _read(self) -> None:
        consumer = Consumer(
            {
                "group.id": "torghut-watch",  # asked for by librdkafka; never joined, never committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "log_level": 0,
                **self._client,
            }
        )
        consumer.assign([TopicPartition(*partition, offset) for partition, offset in self._start.items()])
        while not self._stop.is_set():
            self._take(consumer.consume(_BATCH, timeout=_POLL_S))
        consumer.close()

    def _take(self, messages: Iterable[Message]) -> None:
        now_ns = time.time_ns()
        with self._lock:
            for message in messages:
                if message.error() is None:
                    self._count(decode_envelope(message.value() or b""), now_ns, message.topic() == self._finals_topic)

    def _count(self, envelope: Envelope, now_ns: int, is_final: bool) -> None:  # noqa: FBT001 - which topic it is of
        if not is_final:
            self._counts["provisionals"] += 1
            self._provisional.append((now_ns - envelope.ingest_ts) / _NS_PER_MS)
            return
        revision = envelope.revision or 0
        self._first_at = self._first_at or time.monotonic()
        self._counts["revisions" if revision else "finals"] += 1
        if not revision:
            self._final.append((now_ns - max(envelope.event_ts, envelope.ingest_ts)) / _NS_PER_MS)
        shown = self._newest.get(envelope.symbol)
        if envelope.channel is Channel.TA_SIGNALS and (shown is None or envelope.event_ts >= shown.end_ns):
            row = SignalRow(envelope.symbol, envelope.event_ts, revision, _signal.decode(envelope.payload))
            self._newest[envelope.symbol] = row


def _latency(values: Iterable[float]) -> Latency:
    ordered = sorted(values)
    if not ordered:
        return Latency()
    return Latency(ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)])
