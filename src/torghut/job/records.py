"""What the job reads and writes, as values. Reading is typed once, in one pass over a whole batch.

Only the fields that bars and signals need are decoded; what else an envelope holds is passed over.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from torghut.ta.signals import Result
from torghut.wire.envelope import VERSION, DeadLetter, Envelope, Window, encode_envelope
from torghut.wire.topics import DLQ, TA_BARS_1S, TA_PROVISIONAL, TA_SIGNALS, Channel, full_name

NS: Final = 1_000_000_000
SEPARATOR: Final = "\x1e"
"""Between the records of a batch. JSON has it neither in strings nor as white space (RFC 8259, RFC 7464)."""

_RAW_LIMIT: Final = 64 << 10
_NS_PER_MS: Final = 1_000_000
R = TypeVar("R")


class TradePayload(msgspec.Struct, frozen=True, gc=False):
    """A trade, a correction or a cancel: Alpaca's fields of all three, each absent in some."""

    p: float | None = None
    s: float | None = None
    c: list[str] | None = None
    z: str = ""
    x: str = ""
    i: int | None = None
    oi: int | None = None
    ci: int | None = None
    cp: float | None = None
    cs: float | None = None
    cc: list[str] | None = None


class TradeRecord(msgspec.Struct, frozen=True, gc=False):
    """A record of the trades topic."""

    event_ts: int
    ingest_ts: int
    symbol: str
    seq: int
    feed: str
    channel: str
    payload: TradePayload


class QuotePayload(msgspec.Struct, frozen=True, gc=False):
    """The sides of a quote."""

    bp: float
    ap: float
    bs: float
    as_: float = msgspec.field(name="as")


class QuoteRecord(msgspec.Struct, frozen=True, gc=False):
    """A record of the quotes topic."""

    event_ts: int
    ingest_ts: int
    symbol: str
    seq: int
    payload: QuotePayload


class Batch(NamedTuple):
    """Records of one partition, `text` joined by SEPARATOR, whose offsets run from `first` to `last`."""

    text: str
    first: int
    last: int


class Unreadable(NamedTuple):
    """A value that is no such record, and why."""

    raw: str
    reason: str


class Output(NamedTuple):
    """A record to write. `timestamp_ms` is the record's own: the ingest time, as in all topics."""

    topic: str
    key: str
    value: str
    timestamp_ms: int


class Decoded(Generic[R]):
    """A batch's records in their order, and what could not be read."""

    def __init__(self, text: str, one: msgspec.json.Decoder[R], many: msgspec.json.Decoder[list[R]]) -> None:
        self.unreadable: list[Unreadable] = []
        self._text = text
        self._lines: list[str] | None = None
        try:
            self.records = many.decode("[" + text.replace(SEPARATOR, ",") + "]")
        except msgspec.MsgspecError:
            self.records, self._lines = self._decode_one_by_one(one)

    def _decode_one_by_one(self, one: msgspec.json.Decoder[R]) -> tuple[list[R], list[str]]:
        records, lines = [], []
        for line in self._text.split(SEPARATOR):
            try:
                records.append(one.decode(line))
            except msgspec.MsgspecError as error:
                self.unreadable.append(Unreadable(line, f"not_a_record: {error}"))
            else:
                lines.append(line)
        return records, lines

    def line(self, at: int) -> str:
        """Record number `at` as it was written."""
        if self._lines is None:
            self._lines = self._text.split(SEPARATOR)
        return self._lines[at]

    def refuse(self, at: int, reason: str) -> None:
        """Record number `at` cannot be used either; `reason` is `word: detail`."""
        self.unreadable.append(Unreadable(self.line(at), reason))


_trade, _trades = msgspec.json.Decoder(TradeRecord), msgspec.json.Decoder(list[TradeRecord])
_quote, _quotes = msgspec.json.Decoder(QuoteRecord), msgspec.json.Decoder(list[QuoteRecord])


def decode_trades(text: str) -> Decoded[TradeRecord]:
    """The trades, corrections and cancels of a batch."""
    return Decoded(text, _trade, _trades)


def decode_quotes(text: str) -> Decoded[QuoteRecord]:
    """The quotes of a batch."""
    return Decoded(text, _quote, _quotes)


def encode_payload(channel: Channel, result: Result) -> bytes:
    """The payload of a result's record in `channel`. Fields in the order of their types: equal values, equal bytes."""
    return msgspec.json.encode(result.bar if channel is Channel.TA_BARS else result.signal)


class Writer:
    """Makes records to write. `session` is the job's id, `version` its tag; both go into every envelope."""

    def __init__(self, prefix: str, session: str, version: str) -> None:
        self._session: Final = session
        self._version: Final = version
        self._finals: Final = {
            Channel.TA_BARS: full_name(TA_BARS_1S, prefix),
            Channel.TA_SIGNALS: full_name(TA_SIGNALS, prefix),
        }
        self._provisional: Final = full_name(TA_PROVISIONAL, prefix)
        self._dlq: Final = full_name(DLQ, prefix)

    def final(
        self, channel: Channel, symbol: str, feed: str, result: Result, *, revision: int, payload: bytes
    ) -> Output:
        """The bar or the signal of a closed second, whose payload was encoded already."""
        topic = self._finals[channel]
        value = self._encode(channel, symbol, feed, result, revision, payload, final=True)
        return Output(topic, symbol, value, result.ingest_ts // _NS_PER_MS)

    def provisional(self, symbol: str, feed: str, result: Result) -> list[Output]:
        """The bar and the signal of a second in progress."""
        return [
            Output(
                self._provisional,
                symbol,
                self._encode(channel, symbol, feed, result, 0, encode_payload(channel, result), final=False),
                result.ingest_ts // _NS_PER_MS,
            )
            for channel in self._finals
        ]

    def _encode(
        self, channel: Channel, symbol: str, feed: str, result: Result, revision: int, payload: bytes, *, final: bool
    ) -> str:
        start = result.second * NS
        envelope = Envelope(
            version=VERSION,
            event_ts=start + NS,
            ingest_ts=result.ingest_ts,
            feed=feed,
            channel=channel,
            symbol=symbol,
            seq=result.second,
            session=self._session,
            source="ta",
            payload=msgspec.Raw(payload),
            is_final=final,
            revision=revision,
            window=Window(1000, start, start + NS),
            job_version=self._version,
        )
        return encode_envelope(envelope).decode()

    def dead_letter(self, unreadable: Unreadable, topic: str, symbol: str | None, now_ns: int) -> Output:
        """What could not be used, with the reason (`word: detail`)."""
        raw = unreadable.raw.encode()
        reason, _, detail = unreadable.reason.partition(": ")
        letter = DeadLetter(
            version=VERSION,
            ts=now_ns,
            source="ta",
            topic=topic,
            symbol=symbol,
            reason=reason,
            detail=detail,
            raw=b64encode(raw[:_RAW_LIMIT]).decode(),
            truncated=len(raw) > _RAW_LIMIT,
        )
        return Output(self._dlq, "ta", msgspec.json.encode(letter).decode(), now_ns // _NS_PER_MS)
