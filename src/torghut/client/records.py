"""Reads channels from Kafka: what was written since a point in time, and then live."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Final, Self, TypeAlias

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from torghut.client.errors import ClientError
from torghut.client.sequence import Backlog, Gap, GapCheck, LatestRevisions, Revisions
from torghut.config import KafkaSettings
from torghut.platform.kafka.reader import Partition, ReadError, TopicReader
from torghut.wire.envelope import Envelope, decode_envelope
from torghut.wire.topics import CHANNEL_TOPIC, Channel, full_name

_BATCH: Final = 500
_POLL_S: Final = 0.25

Item: TypeAlias = Envelope | Gap


class Records:
    """Envelopes of `channels`, in order within each symbol, with a `Gap` where records are missing.

    `since_ns` (record time) starts in the past, else with the next record. `symbols` None means all. Of TA's windows
    the newest revision is given ("latest"), or each one ("all"). `follow` goes on for ever; without it, reading ends
    where the topics ended at the start. Iterate once; close it, or use it with `with`.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        channels: Sequence[Channel],
        *,
        symbols: Collection[str] | None = None,
        since_ns: int | None = None,
        revisions: Revisions = "latest",
        follow: bool = True,
    ) -> None:
        self._kafka = kafka
        self._channels = frozenset(channels)
        self._keys = None if symbols is None else frozenset(symbol.encode() for symbol in symbols)
        self._since_ns = since_ns
        self._revisions = revisions
        self._follow = follow
        self._gaps = GapCheck()
        self._latest = LatestRevisions()
        self._last_error: KafkaError | None = None
        self._consumer: Consumer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def __iter__(self) -> Iterator[Item]:
        """All of it.

        Raises:
            ClientError: a topic cannot be read.
        """
        topics = sorted({full_name(CHANNEL_TOPIC[channel], self._kafka.topic_prefix) for channel in self._channels})
        try:
            with TopicReader(self._kafka.client(), topics) as reader:
                partitions = reader.partitions()
                ends = {partition: end for partition, (_, end) in reader.ends(partitions).items()}
                yield from self._backlog(reader, partitions, ends)
        except ReadError as error:
            raise self._failed(str(error)) from error
        if self._follow:
            yield from self._live(ends)

    def _backlog(self, reader: TopicReader, partitions: list[Partition], ends: dict[Partition, int]) -> Iterator[Item]:
        if self._since_ns is None:
            return
        start = reader.offsets_at(partitions, self._since_ns // 1_000_000)
        envelopes = self._wanted(reader.read(start, ends))
        if self._revisions == "all" or not self._channels & {Channel.TA_BARS, Channel.TA_SIGNALS}:
            yield from self._given(envelopes)
            return
        backlog = Backlog()
        for envelope in envelopes:
            backlog.add(envelope)
        yield from self._given(backlog.drain())

    def _live(self, start: dict[Partition, int]) -> Iterator[Item]:
        self._consumer = consumer = Consumer(
            {
                "group.id": "torghut-client",  # asked for by librdkafka; never joined, never committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "error_cb": self._remember,
                **self._kafka.client(),
            }
        )
        consumer.assign([TopicPartition(*partition, offset) for partition, offset in start.items()])
        while True:
            batch = consumer.consume(_BATCH, timeout=_POLL_S)
            if not batch and self._last_error is not None and self._last_error.fatal():
                raise self._failed(self._last_error.str())
            yield from self._given(self._wanted(batch))

    def _wanted(self, messages: Iterator[Message] | list[Message]) -> Iterator[Envelope]:
        for message in messages:
            if (error := message.error()) is not None:
                if error.retriable() or message.topic() is None:
                    continue  # without a topic: librdkafka looks for a coordinator, though no group is joined
                raise self._failed(error.str())
            if self._keys is not None and message.key() not in self._keys:
                continue
            try:
                envelope = decode_envelope(message.value() or b"")
            except msgspec.DecodeError as problem:
                place = f"{message.topic()}[{message.partition()}]@{message.offset()}"
                raise self._failed(f"{place} is no envelope ({problem})") from problem
            if envelope.channel in self._channels:
                yield envelope

    def _given(self, envelopes: Iterator[Envelope]) -> Iterator[Item]:
        for envelope in envelopes:
            gap = self._gaps.before(envelope)
            if gap is not None:
                yield gap
            if self._revisions == "all" or self._latest.passes(envelope):
                yield envelope

    def _remember(self, error: KafkaError) -> None:
        self._last_error = error

    def _failed(self, problem: str) -> ClientError:
        names = ", ".join(sorted(self._channels))
        return ClientError(
            f"wanted to read {names} from {self._kafka.bootstrap_servers}, but {problem}; see `torghut status`"
        )
