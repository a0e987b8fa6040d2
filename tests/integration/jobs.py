"""A stack with Kafka and the Flink job only: the test itself writes trades and quotes, and reads what comes of them."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from confluent_kafka import Message, Producer

from torghut.audit.ta.run import audit_ta
from torghut.audit.ta.terms import Terms
from torghut.platform.kafka.reader import TopicReader
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.stack.submission import job_status
from torghut.wire.topics import DLQ, PARTITIONER, QUOTES, TA_BARS_1S, TA_SIGNALS, TRADES, WRITTEN_MS, Topic, full_name

NS: Final = 1_000_000_000
PROCESSES: Final = ("kafka", "minio", "jobmanager", "taskmanager", "ta")
READY_S: Final = 400.0
"""A JVM with PyFlink starts in half a minute on an idle machine; this one may not be idle."""

TERMS: Final = Terms(idle_ms=5000)
"""What these jobs are told; silence is short, so that tests need not wait for it."""
VARIABLES: Final = {"TA_IDLE_TIMEOUT_MS": str(TERMS.idle_ms), "TA_REVISION_S": str(TERMS.revision_s)}
SYMBOLS: Final = tuple(f"S{number}" for number in range(24))

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
        return [json.loads(message.value() or b"") for message in self._messages(topic)]

    def _messages(self, topic: Topic) -> list[Message]:
        with TopicReader(self.stack.kafka("audit").client(), [full_name(topic)]) as reader:
            ends = reader.ends(reader.partitions())
            starts, stops = ({p: span[at] for p, span in ends.items()} for at in (0, 1))
            return list(reader.read(starts, stops))

    def partition_of(self, symbol: str) -> int:
        """The partition that the symbol's trades are in; there must be one."""
        found = (message.partition() for message in self._messages(TRADES) if message.key() == symbol.encode())
        return next(partition for partition in found if partition is not None)

    def written_ms(self, topic: Topic) -> dict[Key, int]:
        """When the job made the first revision of each final, by its own clock (ms)."""
        found: dict[Key, int] = {}
        for message in self._messages(topic):
            record, headers = json.loads(message.value() or b""), dict(message.headers() or ())
            found.setdefault((record["symbol"], record["seq"]), int(headers[WRITTEN_MS] or 0))
        return found

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

    def wait_for_finals_after(self, at_ns: int, deadline_s: float = READY_S) -> None:
        """Until a signal of a window that ends after this time is committed."""
        wait_until(
            lambda: any((second + 1) * NS > at_ns for _, second in self.finals(TA_SIGNALS)),
            deadline_s,
            "signals of now",
            1.0,
        )

    def wait_until_no_transaction_is_open(self, deadline_s: float = 90.0) -> None:
        """Until Kafka has committed or aborted all that was written to the finals' topics."""
        client = self.stack.kafka("audit").client()
        names = [full_name(topic) for topic in (TA_BARS_1S, TA_SIGNALS)]
        with (
            TopicReader(client, names) as committed,
            TopicReader(client, names, isolation="read_uncommitted") as everything,
        ):
            partitions = committed.partitions()
            wait_until(
                lambda: committed.ends(partitions) == everything.ends(partitions),
                deadline_s,
                "transactions to time out",
                1.0,
            )

    def wait_for_reason(self, words: str, deadline_s: float = READY_S) -> str:
        """Until the job's status tells a cause with these words."""

        def told() -> str | None:
            reason = job_status(self.stack.home).reason
            return reason if words in reason else None

        return wait_until(told, deadline_s, f"the job's status to tell {words!r}", 0.5)

    def check_finals(self) -> None:
        """Each bar and signal once for each revision, from 0 on without a gap."""
        for topic in (TA_BARS_1S, TA_SIGNALS):
            for key, records in self.finals(topic).items():
                assert [record["revision"] for record in records] == list(range(len(records))), key

    @contextmanager
    def load(self, rate: float = 300, symbols: Sequence[str] = SYMBOLS) -> Iterator[None]:
        """Trades and quotes of many symbols, some late, cancelled and corrected, until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=self._write_load, args=(stop, rate, symbols))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.flush()

    def _write_load(self, stop: threading.Event, rate: float, symbols: Sequence[str]) -> None:
        draw, recent = random.Random(1), list[tuple[str, int]]()
        while not stop.wait(2 / rate):
            now = time.time_ns()
            symbol, at = draw.choice(symbols), now - int(draw.choice((0, 0, 0, 1.5, 4)) * NS)
            recent.append((symbol, self.trade(symbol, at, draw.randrange(100, 10_000) / 100, draw.randrange(1, 500))))
            self.quote(symbol, now, draw.randrange(100, 10_000) / 100)
            if draw.random() < 0.02:
                symbol, number = recent.pop(draw.randrange(max(0, len(recent) - 50), len(recent)))
                if draw.random() < 0.5:
                    self.cancel(symbol, now, number)
                else:
                    self.correct(symbol, now, number, draw.randrange(100, 10_000) / 100, 50)

    def prove(self) -> int:
        """See `proven`."""
        return proven(self.stack)


def proven(stack: RunningStack, prefix: str | None = None, wait_s: float = 90.0) -> int:
    """The audit's recomputation finds every bar and signal, once, as it must be. Returns how many bars.

    The load must have ended: what was received last is closed by silence.
    """
    quiet_s, begun = TERMS.idle_ms / 1000 + 3, time.monotonic()
    wait_until(lambda: time.monotonic() > begun + quiet_s, quiet_s + 1, "silence")
    with TemporaryDirectory() as folder:
        window = (0, time.time_ns())
        result = audit_ta(stack.kafka("audit", prefix), TERMS, window, Path(folder), wait_s)
    for counts in (result.bars, result.signals):
        found = (counts.missing, counts.duplicated, counts.wrong)
        assert found == (0, 0, 0), f"{counts}\n" + "\n".join(map(str, result.examples))
    assert result.bars.expected
    return result.bars.expected
