"""A stack with Kafka and the Flink job only: the test itself writes trades and quotes, and reads what comes of them."""

from __future__ import annotations

import itertools
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Producer

from torghut.platform.kafka.reader import TopicReader
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.topics import DLQ, PARTITIONER, QUOTES, TA_BARS_1S, TA_SIGNALS, TRADES, Topic, full_name

NS: Final = 1_000_000_000
PROCESSES: Final = ("kafka", "minio", "jobmanager", "taskmanager", "ta")
READY_S: Final = 400.0
"""A JVM with PyFlink starts in half a minute on an idle machine; this one may not be idle."""

Key = tuple[str, int]


@dataclass
class JobStack:
    """Writes the input of a running job and reads its output."""

    stack: RunningStack
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        client = self.stack.kafka("forwarder").client()
        self._producer = Producer({**client, "linger.ms": 1, "partitioner": PARTITIONER})

    def trade(self, symbol: str, at_ns: int, price: float, size: float = 100, **payload: Any) -> int:
        """Write a trade; returns its id."""
        number = next(self._numbers)
        self._write("trades", symbol, at_ns, {"i": number, "x": "V", "z": "A", "p": price, "s": size, **payload})
        return number

    def cancel(self, symbol: str, at_ns: int, number: int) -> None:
        """Write the cancel of a trade."""
        self._write("cancel_errors", symbol, at_ns, {"i": number, "x": "V", "z": "A", "p": 1, "s": 1, "a": "C"})

    def correct(self, symbol: str, at_ns: int, number: int, price: float, size: float) -> None:
        """Write the correction of a trade."""
        now = {"ci": next(self._numbers), "cp": price, "cs": size}
        self._write("corrections", symbol, at_ns, {"oi": number, "op": 1, "os": 1, "x": "V", "z": "A", **now})

    def quote(self, symbol: str, at_ns: int, bid: float) -> None:
        """Write a quote."""
        self._write("quotes", symbol, at_ns, {"bp": bid, "ap": bid + 1, "bs": 3, "as": 1})

    def _write(self, channel: str, symbol: str, at_ns: int, payload: dict[str, Any]) -> None:
        seq = next(self._numbers)
        head = {"version": 1, "event_ts": at_ns, "ingest_ts": max(at_ns, time.time_ns()), "feed": "sip"}
        record = {**head, "channel": channel, "symbol": symbol, "seq": seq, "session": "t", "source": "ws"}
        record["payload"] = payload
        self.raw(QUOTES if channel == "quotes" else TRADES, symbol, json.dumps(record))

    def raw(self, topic: Topic, symbol: str, value: str) -> None:
        """Write any bytes."""
        self._producer.produce(topic.name, value.encode(), key=symbol.encode())
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(30) == 0

    def read(self, topic: Topic) -> list[dict[str, Any]]:
        """Everything that stands committed in the topic."""
        with TopicReader(self.stack.kafka("audit").client(), [full_name(topic)]) as reader:
            ends = reader.ends(reader.partitions())
            starts, stops = ({p: span[at] for p, span in ends.items()} for at in (0, 1))
            return [json.loads(message.value() or b"") for message in reader.read(starts, stops)]

    def dead(self) -> list[str]:
        return [record["reason"] for record in self.read(DLQ)]

    def finals(self, topic: Topic) -> dict[Key, list[dict[str, Any]]]:
        """Final records by symbol and second, in the order of their revisions."""
        found: dict[Key, list[dict[str, Any]]] = defaultdict(list)
        for record in self.read(topic):
            found[record["symbol"], record["seq"]].append(record)
        return {key: sorted(records, key=lambda record: record["revision"]) for key, records in found.items()}

    def wait_for_bars(self, expected: dict[Key, dict[str, Any]], deadline_s: float = READY_S) -> None:
        """Until the latest revisions are the expected ones, as far as those name fields."""

        def same() -> bool:
            finals = self.finals(TA_BARS_1S)
            latest = {key: finals[key][-1]["payload"] if key in finals else {} for key in expected}
            return all(latest[key].items() >= fields.items() for key, fields in expected.items())

        wait_until(same, deadline_s, f"the bars of {len(expected)} seconds", 1.0)

    def check_finals(self) -> None:
        """Each bar and signal once for each revision, from 0 on without a gap."""
        for topic in (TA_BARS_1S, TA_SIGNALS):
            for key, records in self.finals(topic).items():
                assert [record["revision"] for record in records] == list(range(len(records))), key
