"""Logs of one partition, made up, and a shard that takes them in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torghut.job.clock import UNKNOWN
from torghut.job.progress import Progress, dump_progress, load_progress
from torghut.job.published import Place
from torghut.job.records import NS, SEPARATOR, Batch, Output, Writer
from torghut.job.shard import Rules, Shard, Symbols
from torghut.wire.envelope import decode_envelope

START = 1_700_000_000
"""The second at which the logs begin."""


def trade(symbol: str, at_s: float, price: float, size: float = 100, number: int = 1, **payload: Any) -> str:
    """A trade's envelope, `at_s` seconds after START, received at once."""
    return _envelope(
        "trades", symbol, at_s, number, {"p": price, "s": size, "i": number, "x": "V", "z": "A", **payload}
    )


def cancel(symbol: str, at_s: float, number: int) -> str:
    """The cancel of trade `number`."""
    return _envelope("cancel_errors", symbol, at_s, 0, {"i": number, "x": "V", "z": "A", "p": 1, "s": 1, "a": "C"})


def correction(symbol: str, at_s: float, number: int, price: float, size: float = 100) -> str:
    """The correction of trade `number`, which gets the number after it."""
    payload = {"oi": number, "op": 1, "os": 1, "ci": number + 1, "cp": price, "cs": size, "x": "V", "z": "A"}
    return _envelope("corrections", symbol, at_s, 0, payload)


def quote(symbol: str, at_s: float, bid: float, ask: float = 1e6, number: int = 1) -> str:
    """A quote's envelope."""
    return _envelope("quotes", symbol, at_s, number, {"bp": bid, "ap": ask, "bs": 1, "as": 2})


def _envelope(channel: str, symbol: str, at_s: float, seq: int, payload: dict[str, Any]) -> str:
    ns = START * NS + round(at_s * 1e6) * 1000
    head = {"version": 1, "event_ts": ns, "ingest_ts": ns + 1000, "feed": "sip", "channel": channel, "symbol": symbol}
    return json.dumps({**head, "seq": seq, "session": "s", "source": "ws", "payload": payload})


@dataclass
class Store:
    """A shard's saved state, as the operator keeps it."""

    signals: dict[str, bytes] = field(default_factory=dict)
    quotes: dict[str, bytes] = field(default_factory=dict)
    progress: bytes | None = None

    def symbols(self) -> Symbols:
        return Symbols(self.signals.get, self.quotes.get)

    def saved(self) -> Progress | None:
        return None if self.progress is None else load_progress(self.progress)


class Runner:
    """Feeds the logs `trades` and `quotes` to a shard, at times (s after START) of its own choosing."""

    def __init__(
        self, trades: Sequence[str] = (), quotes: Sequence[str] = (), rules: Rules | None = None, now_s: float = 0
    ) -> None:
        self.trades, self.quotes = trades, quotes
        self.rules = rules or Rules()
        self.store = Store()
        self.outputs: list[Output] = []
        self.unread: tuple[int, int] | None = (0, 0)
        """How many trades and quotes Kafka holds that were not taken yet; None: it does not answer."""
        self.at(now_s)
        self.shard = self._new()

    def _new(self) -> Shard:
        writer = Writer("", "job", "v1")
        return Shard(self.rules, writer, self.store.symbols(), self.now_ns, self.store.saved())

    def at(self, seconds: float) -> Runner:
        """Let the wall clock show this."""
        self.now_ns = START * NS + int(seconds * NS)
        return self

    def take_trades(self, first: int, end: int) -> Runner:
        if first < end:
            self.shard.take_trades(Batch(SEPARATOR.join(self.trades[first:end]), first, end - 1), self.now_ns)
        return self._save()

    def take_quotes(self, first: int, end: int) -> Runner:
        if first < end:
            self.shard.take_quotes(Batch(SEPARATOR.join(self.quotes[first:end]), first, end - 1), self.now_ns)
        return self._save()

    def take_all(self) -> Runner:
        self.take_quotes(0, len(self.quotes))
        return self.take_trades(0, len(self.trades))

    def tick(self) -> Runner:
        clock = self.shard.clock
        for topic, unread in zip((clock.trades, clock.quotes), self.unread or (UNKNOWN, UNKNOWN), strict=True):
            if clock.unsure(topic, self.now_ns):
                topic.learn_end(topic.next_offset + unread, self.now_ns)
        self.shard.advance(self.now_ns)
        return self._save()

    def _save(self) -> Runner:
        self.outputs += self.shard.drain()
        changes = self.shard.changes(self.now_ns)
        self.store.signals |= changes.signals
        self.store.quotes |= changes.quotes
        self.store.progress = dump_progress(changes.progress)
        return self

    def savepoint(self) -> Store:
        """The state of now."""
        return Store(dict(self.store.signals), dict(self.store.quotes), self.store.progress)

    def restart(self, state: Store | None = None, lost: int = 0) -> Runner:
        """Go on with a shard that has nothing but saved state (the last one) and the logs of input and output.

        `lost`: so many of the last finals are not in the output topics, whatever the state says.
        """
        for gone in self.finals()[len(self.finals()) - lost :]:
            self.outputs.remove(gone)
        self.store = state or self.store
        self.shard = self._new()
        trades, quotes = self.shard.rebuild_from
        clock = self.shard.clock
        self.shard.rebuild(
            self.trades[trades : clock.trades.next_offset], self.quotes[quotes : clock.quotes.next_offset]
        )
        for output in self.finals():
            envelope = decode_envelope(output.value.encode())
            place = Place(envelope.symbol, envelope.seq)
            self.shard.published.add(envelope.channel, place, envelope.revision or 0, bytes(envelope.payload))
        self.shard.reissue()
        return self._save()

    def records(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(output.value) for output in self.outputs if output.topic == topic]

    def bars(self) -> list[tuple[str, int, int, dict[str, Any]]]:
        """Final bars: symbol, second after START, revision, payload."""
        return [
            (r["symbol"], r["window"]["start"] // NS - START, r["revision"], r["payload"])
            for r in self.records("torghut.ta.bars.1s.v1")
        ]

    def finals(self) -> list[Output]:
        return [output for output in self.outputs if output.topic in {"torghut.ta.bars.1s.v1", "torghut.ta.signals.v1"}]

    def latest(self) -> dict[tuple[str, str, int], str]:
        """The payload of the latest revision, by topic, symbol and second."""
        found = {}
        for output in self.finals():
            record = json.loads(output.value)
            found[output.topic, output.key, record["seq"]] = json.dumps([record["window"], record["payload"]])
        return found

    def dead(self) -> list[str]:
        return [r["reason"] for r in self.records("torghut.dlq.v1")]
