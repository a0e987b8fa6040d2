"""A small world for audits: things happen, and records of them are written, as a test says."""

from __future__ import annotations

import copy
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from torghut.audit.bucket import Scope
from torghut.audit.compare import compare
from torghut.audit.intake import Incoming
from torghut.audit.ledger import LedgerTruth
from torghut.audit.order import Position
from torghut.audit.report import ChannelCounts, Report
from torghut.wire.times import format_rfc3339, parse_rfc3339
from torghut.wire.topics import CHANNEL_TOPIC, DLQ, Channel

Message = dict[str, Any]

T0 = 1_763_900_000_000_000_000
S = 1_000_000_000
MS = 1_000_000

ALL = {key: ["*"] for key in ("trades", "quotes", "bars", "updatedBars", "statuses", "lulds")}
CHANNEL = {
    "t": Channel.TRADES,
    "c": Channel.CORRECTIONS,
    "x": Channel.CANCEL_ERRORS,
    "q": Channel.QUOTES,
    "b": Channel.BARS,
    "u": Channel.UPDATED_BARS,
    "s": Channel.STATUSES,
    "l": Channel.LULDS,
}


def trade(number: int, ns: int, symbol: str = "AAPL", **changes: Any) -> Message:
    message = {"T": "t", "S": symbol, "i": number, "x": "V", "p": 100.25, "s": 100, "t": format_rfc3339(ns), "c": ["@"]}
    return message | {"z": "C"} | changes


def quote(ns: int, symbol: str = "AAPL", **changes: Any) -> Message:
    message = {"T": "q", "S": symbol, "bx": "V", "bp": 100, "bs": 1, "ax": "Q", "ap": 100.5, "as": 2, "c": ["R"]}
    return message | {"z": "C", "t": format_rfc3339(ns)} | changes


def bar(ns: int, symbol: str = "AAPL", kind: str = "b", **changes: Any) -> Message:
    message = {"T": kind, "S": symbol, "o": 1, "h": 2.5, "l": 1, "c": 2, "v": 10, "n": 3, "vw": 1.75}
    return message | {"t": format_rfc3339(ns)} | changes


def cancel(number: int, ns: int, symbol: str = "AAPL") -> Message:
    message = {"T": "x", "S": symbol, "i": number, "x": "V", "p": 1, "s": 1, "a": "C", "z": "C"}
    return message | {"t": format_rfc3339(ns)}


def correction(number: int, ns: int, symbol: str = "AAPL") -> Message:
    message = {"T": "c", "S": symbol, "x": "V", "oi": number, "op": 1, "os": 1, "oc": ["@"], "ci": number + 1}
    return message | {"cp": 2, "cs": 1, "cc": ["@"], "z": "C", "t": format_rfc3339(ns)}


def status(ns: int, symbol: str = "AAPL", code: str = "H") -> Message:
    return {"T": "s", "S": symbol, "sc": code, "sm": "", "rc": "M", "rm": "", "z": "C", "t": format_rfc3339(ns)}


def luld(ns: int, symbol: str = "AAPL") -> Message:
    return {"T": "l", "S": symbol, "u": 110.5, "d": 90, "i": "B", "z": "C", "t": format_rfc3339(ns)}


class World:
    """What happened and what was written. `subscribed` starts it with a connection that wants everything."""

    def __init__(self, *, subscribed: bool = True) -> None:
        self.ledger: list[bytes] = []
        self.incoming: list[Incoming] = []
        self._seq: dict[tuple[str, str], int] = {}
        self.newest: dict[tuple[str, str], int] = {}
        self._offset: dict[tuple[str, int], int] = {}
        self.note("start", T0 - 10 * S, source="synthetic", feeds=["sip"], seed=1)
        if subscribed:
            self.acknowledge(T0 - 5 * S)

    def note(self, kind: str, ns: int, **fields: Any) -> None:
        self.ledger.append(msgspec.json.encode({"k": kind, "ns": ns, **fields}) + b"\n")

    def acknowledge(
        self, ns: int, state: dict[str, list[str]] | None = None, *, conn: int = 1, account: int = 0, feed: str = "sip"
    ) -> None:
        self.note("ack", ns, conn=conn, account=account, feed=feed, state=ALL if state is None else state)

    def happen(self, message: Message, ns: int | None = None, feed: str = "sip") -> Message:
        """It happened at `ns` (at its own time unless given); returns it."""
        self.note("event", parse_rfc3339(message["t"]) if ns is None else ns, feed=feed, msg=message)
        return message

    def record(self, message: Message, *, delay_ns: int = 2 * MS, payload: bytes | None = None, **changes: Any) -> None:
        """A record of it is written, as the forwarder would; `changes` are of the envelope."""
        channel, symbol = CHANNEL[message["T"]], message["S"]
        key = channel.value, symbol
        body = {name: value for name, value in message.items() if name not in {"T", "S"}}
        event_ts = parse_rfc3339(message["t"])
        envelope = {
            "version": 1,
            "event_ts": event_ts,
            "ingest_ts": event_ts + delay_ns,
            "feed": "sip",
            "channel": channel.value,
            "symbol": symbol,
            "seq": self._seq.get(key, 1000) + 1,
            "session": "one",
            "source": "ws",
            "payload": msgspec.Raw(payload or msgspec.json.encode(body)),
        } | changes
        self._seq[key] = envelope["seq"]
        self.write(CHANNEL_TOPIC[channel].name, symbol, msgspec.json.encode(envelope), envelope["ingest_ts"])

    def write(self, topic: str, key: str, value: bytes, ns: int) -> None:
        partition = zlib.crc32(key.encode()) % 6
        offset = self._offset.get((topic, partition), 0)
        self._offset[topic, partition] = offset + 1
        self.incoming.append(Incoming(Position(topic, partition, offset), key.encode(), value, ns // MS))

    def dead_letter(self, topic: str | None = None) -> None:
        letter = {"version": 1, "ts": T0, "source": "forwarder", "topic": topic, "symbol": None, "reason": "malformed"}
        self.write(
            DLQ.name, "forwarder", msgspec.json.encode(letter | {"detail": "", "raw": "", "truncated": False}), T0
        )

    def both(self, message: Message) -> Message:
        """It happened and was recorded."""
        self.record(self.happen(message))
        return message

    def copy(self) -> World:
        return copy.deepcopy(self)

    def report(self, *, tail: bytes = b"", start_ns: int = 0, end_ns: int = T0 + 3600 * S, **options: Any) -> Report:
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / f"{T0}.ndjson").write_bytes(b"".join(self.ledger) + tail)
            scope = Scope(start_ns, end_ns, end_ns + 3600 * S)
            return compare(LedgerTruth(folder), self.incoming, scope, folder, **options)

    def counts(self, channel: str = "trades", **options: Any) -> ChannelCounts:
        return self.report(**options).channels[channel]
