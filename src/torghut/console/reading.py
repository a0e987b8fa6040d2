"""Reads Kafka in a thread of its own and hands what it finds to the event loop, in bounded batches.

One consumer, one position for each partition: it starts an hour back where finals and statuses are, at the end where
provisional values are, and goes on from there, so that between "history" and "live" there is nothing to lose.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from torghut.config import ConfigError, KafkaSettings
from torghut.platform.kafka.reader import Partition, ReadError, TopicReader
from torghut.platform.waiting import backoff
from torghut.wire.envelope import DeadLetter, Envelope, decode_envelope
from torghut.wire.status import ForwarderStatus, TaStatus
from torghut.wire.topics import (
    DLQ,
    STATUS,
    TA_BARS_1S,
    TA_PROVISIONAL,
    TA_SIGNALS,
    TA_STATUS,
    Topic,
    full_name,
)

BACK_S: Final = 3600
_BATCH: Final = 1000
_POLL_S: Final = 0.05
_IN_HAND: Final = 4
_RETRY_S: Final = (0.5, 5.0)

Record: TypeAlias = Envelope | ForwarderStatus | TaStatus | DeadLetter

_ENVELOPES: Final = (TA_BARS_1S, TA_SIGNALS, TA_PROVISIONAL)
_PLAIN: Final[dict[Topic, msgspec.json.Decoder[ForwarderStatus | TaStatus | DeadLetter]]] = {
    STATUS: msgspec.json.Decoder(ForwarderStatus),
    TA_STATUS: msgspec.json.Decoder(TaStatus),
    DLQ: msgspec.json.Decoder(DeadLetter),
}
_BACKFILLED: Final = (TA_BARS_1S, TA_SIGNALS, STATUS, DLQ)


class Batch(NamedTuple):
    """Records in order; `live` when everything that was there at the start has been read."""

    records: list[Record]
    live: bool


def _is_news(message: Message) -> bool:
    """Whether a broker said something: a record, or that there are no more."""
    error = message.error()
    return error is None or error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's local code


class ReaderState(msgspec.Struct, frozen=True):
    """How reading goes. `problem` is None while it goes well; `skipped` counts records that nobody understands."""

    live: bool = False
    problem: str | None = None
    since_ns: int = 0
    skipped: int = 0


def decoder_of(prefix: str) -> Callable[[str, bytes], Record]:
    """Turns a record's topic and value into what it is.

    The function raises `msgspec.DecodeError` (also its subclass for wrong shapes) for what nobody understands.
    """
    envelopes = {full_name(topic, prefix) for topic in _ENVELOPES}
    plain = {full_name(topic, prefix): decoder for topic, decoder in _PLAIN.items()}

    def decode(topic: str, value: bytes) -> Record:
        return decode_envelope(value) if topic in envelopes else plain[topic].decode(value)

    return decode


class KafkaFeed:
    """Gives batches to `deliver`, which is called in the reading thread and may block it: that is the bound.

    `died` is told what nobody expected and the thread ended with.
    """

    def __init__(
        self, kafka: KafkaSettings, deliver: Callable[[Batch], None], died: Callable[[Exception], object]
    ) -> None:
        self._kafka = kafka
        self._deliver = deliver
        self._died = died
        self._decode = decoder_of(kafka.topic_prefix)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka", daemon=True)
        self._positions: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._broken: KafkaError | None = None
        self.state = ReaderState()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading; returns when the thread has ended."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        try:
            self._keep_reading()
        except Exception as error:  # noqa: BLE001 - a page that stands still unseen would be worse than none
            self._died(error)

    def _keep_reading(self) -> None:
        delays = backoff(*_RETRY_S)
        while not self._stop.is_set():
            try:
                self._prepare()
                self._read()
            except (ReadError, KafkaException, ConfigError) as error:
                self._say(f"Kafka cannot be read: {error}")
                self._stop.wait(next(delays))

    def _prepare(self) -> None:
        """Where to begin, unless an earlier attempt got further."""
        if self._positions:
            return
        names = {topic: full_name(topic, self._kafka.topic_prefix) for topic in (*_ENVELOPES, *_PLAIN)}
        past = {names[topic] for topic in _BACKFILLED}
        with TopicReader(self._kafka.client(), list(names.values())) as reader:
            partitions = reader.partitions()
            self._ends = {partition: end for partition, (_, end) in reader.ends(partitions).items()}
            since_ms = (time.time_ns() // 1_000_000_000 - BACK_S) * 1000
            back = reader.offsets_at([partition for partition in partitions if partition.topic in past], since_ms)
        self._positions = {**self._ends, **back}

    def _read(self) -> None:
        consumer = Consumer(
            {
                "group.id": "torghut-console",  # asked for by librdkafka; never joined, never committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "fetch.message.max.bytes": 1 << 20,
                "queued.max.messages.kbytes": 16 << 10,
                "error_cb": self._remember,
                **self._kafka.client(),
            }
        )
        try:
            consumer.assign([TopicPartition(*partition, offset) for partition, offset in self._positions.items()])
            while not self._stop.is_set():
                self._take(consumer.consume(_BATCH, timeout=_POLL_S))
                if self._broken is not None:
                    self._ask_again(consumer)
        finally:
            consumer.close()

    def _ask_again(self, consumer: Consumer) -> None:
        """Quiet topics bring no news that Kafka is back: ask for it."""
        try:
            consumer.get_watermark_offsets(TopicPartition(*next(iter(self._positions))), timeout=1.0, cached=False)
        except KafkaException:
            return
        self._broken = None

    def _take(self, messages: Sequence[Message]) -> None:
        records = [record for message in messages if (record := self._record(message)) is not None]
        live = self.state.live or all(self._positions[partition] >= end for partition, end in self._ends.items())
        if any(_is_news(message) for message in messages):
            self._broken = None
        self._say(None if self._broken is None else f"Kafka does not answer: {self._broken.str()}", live=live)
        if records:
            self._deliver(Batch(records, live))

    def _record(self, message: Message) -> Record | None:
        topic, error = message.topic(), message.error()
        if topic is None:
            return None  # librdkafka looks for a coordinator, though no group is joined
        partition, offset = Partition(topic, message.partition() or 0), message.offset() or 0
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's local code
                self._positions[partition] = max(offset, self._positions[partition])
                return None
            if error.retriable():
                self._broken = error
                return None
            raise KafkaException(error)
        self._positions[partition] = offset + 1
        try:
            return self._decode(topic, message.value() or b"")
        except msgspec.DecodeError:
            self.state = msgspec.structs.replace(self.state, skipped=self.state.skipped + 1)
            return None

    def _remember(self, error: KafkaError) -> None:
        self._broken = error

    def _say(self, problem: str | None, *, live: bool | None = None) -> None:
        state = self.state
        if problem != state.problem or (live is not None and live != state.live):
            self.state = msgspec.structs.replace(
                state, problem=problem, live=state.live if live is None else live, since_ns=time.time_ns()
            )
