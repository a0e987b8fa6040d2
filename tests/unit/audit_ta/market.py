"""Topics of one partition, made up, with what the job's own core writes about them, and their audit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from torghut.audit.intake import Incoming
from torghut.audit.order import Position
from torghut.audit.ta.compare import TaComparison, TaResult
from torghut.audit.ta.judge import Scope
from torghut.audit.ta.terms import Terms
from torghut.job.clock import Bounds
from torghut.job.records import SEPARATOR, Batch, Writer
from torghut.job.shard import Rules, Shard, Symbols

NS = 1_000_000_000
START = 1_700_000_000
"""Tuesday 2023-11-14, 22:13:20 UTC: extended hours in New York."""


def envelope(
    channel: str,
    symbol: str,
    at_s: float,
    seq: int,
    payload: dict[str, Any],
    *,
    delay_s: float = 0.01,
    feed: str = "sip",
) -> str:
    """A record's value; the event is `at_s` seconds after START, received `delay_s` later."""
    ns = START * NS + round(at_s * 1e6) * 1000
    head = {"version": 1, "event_ts": ns, "ingest_ts": ns + round(delay_s * 1e6) * 1000, "feed": feed}
    rest = {"channel": channel, "symbol": symbol, "seq": seq, "session": "s", "source": "ws", "payload": payload}
    return json.dumps(head | rest)


def trade(symbol: str, at_s: float, price: float, size: float = 100, number: int = 1, **more: Any) -> str:
    """A trade; `delay_s` and `feed` as in `envelope`, all else goes into the payload."""
    outer = {name: more.pop(name) for name in ("delay_s", "feed") if name in more}
    payload = {"p": price, "s": size, "i": number, "x": "V", "z": "A"} | more
    return envelope("trades", symbol, at_s, number, payload, **outer)


def cancel(symbol: str, at_s: float, number: int) -> str:
    """The cancel of trade `number`."""
    payload = {"i": number, "x": "V", "z": "A", "p": 1, "s": 1, "a": "C"}
    return envelope("cancel_errors", symbol, at_s, number, payload)


def correction(symbol: str, at_s: float, number: int, price: float, size: float = 100) -> str:
    """The correction of trade `number`, which gets the number after it."""
    payload = {"oi": number, "op": 1, "os": 1, "ci": number + 1, "cp": price, "cs": size, "x": "V", "z": "A"}
    return envelope("corrections", symbol, at_s, number, payload)


def quote(symbol: str, at_s: float, bid: float, number: int = 1, **more: Any) -> str:
    """A quote that is a dollar wide."""
    return envelope("quotes", symbol, at_s, number, {"bp": bid, "ap": bid + 1, "bs": 1, "as": 2}, **more)


def _tick(shard: Shard, unread: Sequence[tuple[int, int, int]], now_ns: int) -> None:
    """Look whether silence closes something. `unread`: receipt, 0 for trades or 1 for quotes, offset."""
    for kind, topic in enumerate((shard.clock.trades, shard.clock.quotes)):
        if shard.clock.unsure(topic, now_ns):
            in_kafka = sum(each == kind and received <= now_ns for received, each, _ in unread)
            topic.learn_end(topic.next_offset + in_kafka, now_ns)
    shard.advance(now_ns)


class Topics:
    """Records as a consumer gives them, outputs before inputs."""

    def __init__(self, trades: Sequence[str] = (), quotes: Sequence[str] = ()) -> None:
        self.trades = list(trades)
        self.quotes = list(quotes)
        self.outputs: list[tuple[str, str, int, str]] = []

    def written(self, *, seed: int = 1, lag_s: float = 0.05, rules: Rules | None = None) -> Topics:
        """What the job writes about them, taking records in batches, in about the order of their receipt."""
        random, shard = Random(seed), _shard(rules or Rules(bounds=Bounds()))
        log = [(json.loads(line)["ingest_ts"], 0, at) for at, line in enumerate(self.trades)]
        log += [(json.loads(line)["ingest_ts"], 1, at) for at, line in enumerate(self.quotes)]
        log = sorted(_in_log_order(log))
        at = 0
        while at < len(log):
            end, now = at + 1, log[at][0] + round(lag_s * NS)
            while end < len(log) and log[end][1] == log[at][1] and log[end][0] < log[at][0] + 5 * NS:
                if random.random() > 0.7:
                    break
                end += 1
            lines, take = ((self.trades, shard.take_trades), (self.quotes, shard.take_quotes))[log[at][1]]
            first, last = log[at][2], log[end - 1][2]
            now = max(now, log[end - 1][0])
            _tick(shard, log[at:], now)
            take(Batch(SEPARATOR.join(lines[first : last + 1]), first, last), now)
            self._collect(shard, now)
            at = end
        silent = (log[-1][0] if log else 0) + 40 * NS
        _tick(shard, [], silent)
        self._collect(shard, silent)
        return self

    def _collect(self, shard: Shard, now_ns: int) -> None:
        self.outputs += [(one.topic, one.key, now_ns // 1_000_000, one.value) for one in shard.drain()]

    def end_ns(self) -> int:
        """After all of it, and after the time in which silence closes."""
        times = [json.loads(line)["ingest_ts"] for line in (*self.trades, *self.quotes)]
        return max(times, default=START * NS) + 60 * NS

    def incoming(self) -> list[Incoming]:
        made: list[tuple[str, str, int, str]] = [*self.outputs]
        for topic, lines in (("torghut.trades.v1", self.trades), ("torghut.quotes.v1", self.quotes)):
            made += [(topic, json.loads(line)["symbol"], 0, line) for line in lines]
        return [
            Incoming(
                Position(topic, 0, offset),
                key.encode(),
                value.encode(),
                json.loads(value).get("ingest_ts", 0) // 1_000_000,
                written_ms,
            )
            for offset, (topic, key, written_ms, value) in enumerate(made)
        ]

    def audit(
        self, folder: Path, *, start_ns: int = 0, end_ns: int | None = None, terms: Terms | None = None
    ) -> TaResult:
        """The audit of these topics, spilled to disk early."""
        scope = Scope(start_ns, end_ns or self.end_ns())
        comparison = TaComparison(terms or Terms(), scope, folder, memory_bytes=100_000)
        comparison.take(self.incoming())
        comparison.settle()
        return comparison.result()

    def change(self, topic: str, change: Callable[[dict[str, Any]], None], at: int = 0) -> Topics:
        """Change the record number `at` of a topic of outputs."""
        place = [index for index, output in enumerate(self.outputs) if output[0] == topic][at]
        name, key, written_ms, value = self.outputs[place]
        record = json.loads(value)
        change(record)
        self.outputs[place] = (name, key, written_ms, json.dumps(record))
        return self

    def drop(self, topic: str, at: int = 0) -> Topics:
        """Take away a record of outputs."""
        del self.outputs[[index for index, output in enumerate(self.outputs) if output[0] == topic][at]]
        return self

    def double(self, topic: str, at: int = 0) -> Topics:
        """Write a record of outputs twice."""
        place = [index for index, output in enumerate(self.outputs) if output[0] == topic][at]
        self.outputs.insert(place, self.outputs[place])
        return self


def _in_log_order(log: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Nothing is taken before what stands before it in its log."""
    newest = [0, 0]
    ordered = []
    for ingest_ts, topic, at in log:
        newest[topic] = max(newest[topic], ingest_ts)
        ordered.append((newest[topic], topic, at))
    return ordered


def _shard(rules: Rules) -> Shard:
    return Shard(rules, Writer("", "job", "v1"), Symbols(lambda _: None, lambda _: None), START * NS)
