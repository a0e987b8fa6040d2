"""From a Kafka record's bytes to a row to compare: reads the envelope and holds it against its own payload."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from typing import Final

import msgspec

from torghut.audit import identity
from torghut.audit.model import CHANNELS, Record
from torghut.audit.order import OrderCheck, Position
from torghut.audit.report import Example, Examples
from torghut.wire.envelope import VERSION, DeadLetter, Envelope
from torghut.wire.topics import CHANNEL_TOPIC, DLQ, full_name

_MS: Final = 1_000_000


class Incoming(msgspec.Struct, gc=False):
    """A record as the consumer gives it; `timestamp_ms` is the record's own, `written_ms` the job's header, or 0."""

    position: Position
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    written_ms: int = 0


class Intake:
    """Takes records in partition order; counts what is wrong with one by itself."""

    def __init__(self, *, prefix: str = "") -> None:
        self.examples = Examples()
        self.order = OrderCheck(self.examples)
        self.wrong: Counter[str] = Counter()
        self.dlq: Counter[str] = Counter()
        self.undecodable = 0
        self.read = 0
        self._envelope = msgspec.json.Decoder(Envelope)
        self._letter = msgspec.json.Decoder(DeadLetter)
        self._dlq_topic = full_name(DLQ, prefix)
        self._topics = {channel.value: full_name(CHANNEL_TOPIC[channel], prefix) for channel in CHANNELS}
        self._main = {topic: channel for channel, topic in reversed(self._topics.items())}
        self._bare = {CHANNEL_TOPIC[channel].name: self._main[self._topics[channel]] for channel in CHANNELS}

    def take(self, incoming: Incoming) -> Record | None:
        """The row, or None for a dead letter and for what is no envelope."""
        self.read += 1
        if incoming.position.topic == self._dlq_topic:
            self._take_letter(incoming)
            return None
        try:
            envelope = self._envelope.decode(incoming.value or b"")
            raw = bytes(envelope.payload)
            head = identity.head_decoder.decode(raw)
            event_ts = identity.event_ns(head.t)
        except (msgspec.DecodeError, ValueError) as error:
            self._undecodable(incoming, str(error))
            return None
        if envelope.channel not in self._topics:
            self._undecodable(incoming, f"channel {envelope.channel} is not written by the forwarder")
            return None
        self.order.observe(envelope, incoming.position)
        problem = self._problem(envelope, incoming, event_ts)
        if problem:
            self.wrong[envelope.channel] += 1
            where = f"{incoming.position}: {problem}"
            self.examples.add(Example("wrong", envelope.channel, envelope.symbol, f"t={head.t}", event_ts, where))
        return Record(
            envelope.channel,
            envelope.feed,
            envelope.symbol,
            event_ts,
            identity.place(envelope.channel, event_ts, head),
            envelope.ingest_ts,
            envelope.source == "rest",
            incoming.position.partition,
            incoming.position.offset,
            raw,
        )

    def _problem(self, envelope: Envelope, incoming: Incoming, event_ts: int) -> str | None:
        """What the record says of itself that is not so."""
        if envelope.event_ts != event_ts:
            return f"event_ts {envelope.event_ts} is not its payload's t ({event_ts})"
        if abs(envelope.ingest_ts // _MS - incoming.timestamp_ms) > 1:
            return f"record timestamp {incoming.timestamp_ms} ms is not its ingest_ts ({envelope.ingest_ts})"
        if incoming.key != envelope.symbol.encode():
            return f"key {incoming.key!r} is not its symbol"
        if self._topics[envelope.channel] != incoming.position.topic:
            return f"channel {envelope.channel} does not belong here"
        if envelope.version != VERSION or envelope.source not in {"ws", "rest"}:
            return f"version {envelope.version}, source {envelope.source}"
        return None

    def _take_letter(self, incoming: Incoming) -> None:
        try:
            letter = self._letter.decode(incoming.value or b"")
            base64.b64decode(letter.raw, validate=True)
        except (msgspec.DecodeError, binascii.Error, ValueError) as error:
            self._undecodable(incoming, str(error))
            return
        if letter.source.split("/")[0] == "forwarder":
            topic = letter.topic or ""
            self.dlq[self._main.get(topic) or self._bare.get(topic) or ""] += 1

    def _undecodable(self, incoming: Incoming, problem: str) -> None:
        self.undecodable += 1
        channel = self._main.get(incoming.position.topic, "")
        key = (incoming.key or b"").decode(errors="replace")
        self.examples.add(Example("undecodable", channel, key, "", 0, f"{incoming.position}: {problem}"))

    def counted(self, channel: str) -> dict[str, int]:
        """What this side of the audit adds to a channel's counts."""
        return {
            "dlq": self.dlq[channel],
            "wrong": self.wrong[channel] + self.order.split[channel],
            "reordered": self.order.reordered[channel],
            "seq_gaps": self.order.seq_gaps[channel],
        }
