"""From Kafka's records to rows, by symbol into buckets, and to how far each partition has come."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import Counter
from math import inf
from pathlib import Path
from typing import Final

import msgspec

from torghut.audit.intake import Incoming
from torghut.audit.spill import MEMORY_BYTES, Spill
from torghut.audit.ta.conditions import marks
from torghut.audit.ta.prints import possible
from torghut.audit.ta.progress import PartitionProgress
from torghut.audit.ta.rows import PRICE_END, SIZE_END, UNIT, FinalRow, Letter, QuoteRow, Tick, scaled
from torghut.audit.ta.terms import MS, NS, Terms
from torghut.audit.timeline import Quantiles
from torghut.wire.envelope import DeadLetter, Envelope
from torghut.wire.topics import (
    DLQ,
    QUOTES,
    TA_BARS_1S,
    TA_PROVISIONAL,
    TA_SIGNALS,
    TA_STATUS,
    TRADES,
    WRITTEN_MS,
    Channel,
    full_name,
)

_NO_NUMBER: Final = msgspec.Raw(b"")
_WINDOW_MS: Final = 1000


class _TradePayload(msgspec.Struct, gc=False):
    p: msgspec.Raw = _NO_NUMBER
    s: msgspec.Raw = _NO_NUMBER
    cp: msgspec.Raw = _NO_NUMBER
    cs: msgspec.Raw = _NO_NUMBER
    c: list[str] | None = None
    cc: list[str] | None = None
    x: str | None = None
    z: str | None = None
    i: int | str | None = None
    oi: int | str | None = None
    ci: int | str | None = None


class _Trade(msgspec.Struct, gc=False):
    event_ts: int
    ingest_ts: int
    feed: str
    channel: str
    symbol: str
    seq: int
    payload: _TradePayload


class _QuotePayload(msgspec.Struct, gc=False):
    bp: float
    ap: float
    bs: float
    as_: float = msgspec.field(name="as")


class _Quote(msgspec.Struct, gc=False):
    event_ts: int
    ingest_ts: int
    symbol: str
    seq: int
    payload: _QuotePayload


class _Head(msgspec.Struct, gc=False):
    channel: str
    symbol: str
    seq: int


class _Provisional(msgspec.Struct, gc=False):
    channel: str
    ingest_ts: int


class TaIntake:
    """Takes records in partition order. `terms` and `end_ns` as in `compare.TaComparison`.

    Of quotes that were received before `quotes_from_ns` each symbol's last one is kept, in `older`, and no other.
    """

    def __init__(
        self,
        terms: Terms,
        end_ns: int,
        folder: Path,
        *,
        quotes_from_ns: int = 0,
        prefix: str = "",
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.ticks = Spill(Tick, folder, memory_bytes=memory_bytes)
        self.quotes = Spill(QuoteRow, folder, memory_bytes=memory_bytes)
        self.finals = Spill(FinalRow, folder, memory_bytes=memory_bytes)
        self.letters = Spill(Letter, folder, memory_bytes=memory_bytes)
        self.provisional = Quantiles()
        self.undecodable: Counter[str] = Counter()
        self.older: dict[str, QuoteRow] = {}
        self.read = 0
        self.heard_of_job = False
        self._partitions: dict[int, PartitionProgress] = {}
        self._terms = terms
        self._end_ns = end_ns
        self._quotes_from_ns = quotes_from_ns
        self._take = {
            full_name(topic, prefix): take
            for topic, take in (
                (TRADES, self._take_tick),
                (QUOTES, self._take_quote),
                (TA_BARS_1S, self._take_bar),
                (TA_SIGNALS, self._take_signal),
                (TA_PROVISIONAL, self._take_provisional),
                (TA_STATUS, self._take_status),
                (DLQ, self._take_letter),
            )
        }
        self._trade = msgspec.json.Decoder(_Trade)
        self._quote = msgspec.json.Decoder(_Quote)
        self._final = msgspec.json.Decoder(Envelope)
        self._provisional = msgspec.json.Decoder(_Provisional)
        self._dead_letter = msgspec.json.Decoder(DeadLetter)
        self._head = msgspec.json.Decoder(_Head)

    def take(self, incoming: Incoming) -> None:
        """The next record of its partition. Input that is no record is the forwarder's audit's affair."""
        self.read += 1
        self._take[incoming.position.topic](incoming, incoming.value or b"")

    def partition(self, number: int) -> PartitionProgress:
        """How far it has come."""
        progress = self._partitions.get(number)
        if progress is None:
            progress = self._partitions[number] = PartitionProgress(self._terms, self._end_ns)
        return progress

    def _take_tick(self, incoming: Incoming, value: bytes) -> None:
        try:
            record = self._trade.decode(value)
        except msgspec.DecodeError:
            return
        payload, partition = record.payload, incoming.position.partition
        corrects, is_print = record.channel == Channel.CORRECTIONS, record.channel == Channel.TRADES
        price, size = (payload.cp, payload.cs) if corrects else (payload.p, payload.s)
        newest, woke = 0, 0
        if possible(record.event_ts, record.ingest_ts):
            newest, woke = self.partition(partition).take_trade(record.event_ts, record.ingest_ts, is_print=is_print)
        venue = f"{payload.x or ''} {payload.z or ''} "
        tick = Tick(
            record.channel,
            record.feed,
            record.symbol,
            partition,
            record.event_ts,
            record.seq,
            record.ingest_ts,
            scaled(bytes(price), PRICE_END // UNIT),
            scaled(bytes(size), SIZE_END // UNIT),
            marks(payload.z, payload.cc if corrects else payload.c),
            f"{venue}{payload.oi if corrects else payload.i}",
            f"{venue}{payload.ci}" if corrects else "",
            newest,
            woke,
        )
        self.ticks.add(tick, place(record.symbol))

    def _take_quote(self, incoming: Incoming, value: bytes) -> None:
        try:
            record = self._quote.decode(value)
        except msgspec.DecodeError:
            return
        sides = record.payload
        if not (possible(record.event_ts, record.ingest_ts) and _usable(sides)):
            return
        newest = self.partition(incoming.position.partition).take_quote(record.event_ts, record.ingest_ts)
        row = QuoteRow(
            record.symbol,
            record.event_ts,
            record.seq,
            record.ingest_ts,
            sides.bp,
            sides.ap,
            sides.bs,
            sides.as_,
            newest,
        )
        if record.ingest_ts >= self._quotes_from_ns:
            self.quotes.add(row, place(record.symbol))
            return
        last = self.older.get(record.symbol)
        if last is None or (last.event_ts, last.seq) < (row.event_ts, row.seq):
            self.older[record.symbol] = row

    def _take_bar(self, incoming: Incoming, value: bytes) -> None:
        self._take_final(Channel.TA_BARS, incoming, value)

    def _take_signal(self, incoming: Incoming, value: bytes) -> None:
        self._take_final(Channel.TA_SIGNALS, incoming, value)

    def _take_final(self, channel: Channel, incoming: Incoming, value: bytes) -> None:
        self.heard_of_job = True
        try:
            envelope = self._final.decode(value)
        except msgspec.DecodeError:
            self.undecodable[channel] += 1
            return
        second = envelope.seq
        progress = self.partition(incoming.position.partition)
        progress.newest_final = max(progress.newest_final, second)
        row = FinalRow(
            channel.value,
            envelope.symbol,
            incoming.position.partition,
            incoming.position.offset,
            second,
            -1 if envelope.revision is None else envelope.revision,
            envelope.ingest_ts,
            incoming.written_ms,
            _problem(envelope, channel, incoming),
            bytes(envelope.payload),
        )
        self.finals.add(row, place(envelope.symbol))

    def _take_provisional(self, incoming: Incoming, value: bytes) -> None:
        self.heard_of_job = True
        try:
            record = self._provisional.decode(value)
        except msgspec.DecodeError:
            self.undecodable["ta.provisional"] += 1
            return
        if record.channel == Channel.TA_BARS:
            self.provisional.add(incoming.written_ms * MS - record.ingest_ts)

    def _take_status(self, _incoming: Incoming, _value: bytes) -> None:
        self.heard_of_job = True

    def _take_letter(self, _incoming: Incoming, value: bytes) -> None:
        try:
            letter = self._dead_letter.decode(value)
            if letter.source != "ta" or letter.reason not in {"too_late", "unknown_trade"}:
                return
            head = self._head.decode(base64.b64decode(letter.raw))
        except (msgspec.DecodeError, binascii.Error):
            return
        self.letters.add(Letter(head.channel, head.symbol, head.seq), place(head.symbol))


def _usable(sides: _QuotePayload) -> bool:
    return 0 <= sides.bp < inf and 0 <= sides.ap < inf and 0 <= sides.bs < inf and 0 <= sides.as_ < inf


def place(symbol: str) -> int:
    """The number by which rows are spread over buckets."""
    return zlib.crc32(symbol.encode())


def _problem(envelope: Envelope, channel: Channel, incoming: Incoming) -> str:
    """What a final's envelope says wrongly of itself."""
    window, start = envelope.window, envelope.seq * NS
    if window is None or (window.size_ms, window.start, window.end) != (_WINDOW_MS, start, start + NS):
        return f"window {window} is not second {envelope.seq}"
    if envelope.channel != channel or envelope.source != "ta" or not envelope.is_final:
        return f"channel {envelope.channel}, source {envelope.source}, is_final {envelope.is_final}"
    if envelope.event_ts != window.end:
        return f"event_ts {envelope.event_ts} is not the window's end"
    if incoming.timestamp_ms != envelope.ingest_ts // MS:
        return f"record timestamp {incoming.timestamp_ms} ms is not its ingest_ts ({envelope.ingest_ts})"
    if not incoming.written_ms:
        return f"no header {WRITTEN_MS}"
    return "" if incoming.key == envelope.symbol.encode() else f"key {incoming.key!r} is not its symbol"
