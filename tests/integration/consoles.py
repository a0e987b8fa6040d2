"""A console in a process of its own on a real Kafka, where the test writes what the job and the forwarder would."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import httpx
import msgspec
from confluent_kafka import Producer
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from torghut.client import Channel, Envelope, Records, payload_of
from torghut.platform.ports import free_port
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.envelope import Bollinger, Ema, Macd, MicroBar, QuoteState, Signal, Vwap, Window, encode_envelope
from torghut.wire.status import CheckpointState, ForwarderStatus, Reason, TaStatus
from torghut.wire.topics import (
    PARTITIONER,
    STATUS,
    TA_BARS_1S,
    TA_PROVISIONAL,
    TA_SIGNALS,
    TA_STATUS,
    Topic,
    full_name,
)

NS: Final = 1_000_000_000


@dataclass
class Job:
    """Writes bars and signals of made-up prices as the job would, and statuses."""

    broker: RunningStack
    prefix: str
    _producers: dict[str, Producer] = field(default_factory=dict)

    def second(self, symbol: str, second: int, *, revision: int | None = 0, shift: float = 0.0) -> None:
        """One bar and its signal; `revision` None is provisional."""
        close = round(100 + 3 * math.sin(second / 40) + math.sin(second / 7) + shift, 2)
        start, size = second * NS, 100.0 + second % 50
        bar = MicroBar(
            o=round(close - 0.1, 2), h=close + 0.2, l=close - 0.3, c=close, v=size, n=3, vwap=close, first_ts=start,
            last_ts=start + 5,
        )  # fmt: skip
        signal = Signal(
            close=close, ema=Ema(close - 0.2, close - 0.4), macd=Macd(macd=0.1, signal=0.05, hist=0.05), rsi14=55.0,
            bollinger=Bollinger(close, close + 1, close - 1), vwap=Vwap(100.0, 100.5), realized_vol_60s=0.001,
            quote=QuoteState(bid=close, ask=close + 0.02, bid_size=1, ask_size=2, spread=0.02, imbalance=0.3, age_ms=1),
        )  # fmt: skip
        final = revision is not None
        for channel, topic, payload in (
            (Channel.TA_BARS, TA_BARS_1S, bar),
            (Channel.TA_SIGNALS, TA_SIGNALS, signal),
        ):
            envelope = Envelope(
                version=1, event_ts=start + NS, ingest_ts=time.time_ns(), feed="sim", channel=channel, symbol=symbol,
                seq=second, session="job", source="ta", payload=msgspec.Raw(msgspec.json.encode(payload)),
                is_final=final, revision=revision or 0, window=Window(1000, start, start + NS), job_version="1",
            )  # fmt: skip
            self._write("ta", topic if final else TA_PROVISIONAL, symbol, encode_envelope(envelope))

    def seconds(self, symbol: str, count: int) -> int:
        """The last `count` seconds, final; returns the newest."""
        now = int(time.time())
        for second in range(now - count + 1, now + 1):
            self.second(symbol, second)
        self.flush()
        return now

    def status(self, **changes: Any) -> None:
        """A status of the job."""
        values: dict[str, Any] = {
            "job": "job", "version": "1", "status": "RUNNING", "watermark_lag_ms": 2050.0, "last_event_ts": None,
            "records_in": 1, "records_out": 1, "late_records": 0, "idle_partitions": [],
            "checkpoint": CheckpointState(id=1, age_ms=300.0, duration_ms=80.0, failed=0), "ts": time.time_ns(),
        }  # fmt: skip
        self._write("ta", TA_STATUS, "job", msgspec.json.encode(TaStatus(**{**values, **changes})))
        self.flush()

    def forwarder(self, **changes: Any) -> None:
        """A status of a forwarder."""
        values: dict[str, Any] = {
            "component": "forwarder", "instance": "forwarder", "status": "healthy", "reason": Reason.OK, "detail": "",
            "attempt": 0, "lag_ms": 4.0, "role": "active", "ts": time.time_ns(),
        }  # fmt: skip
        self._write("forwarder", STATUS, "f", msgspec.json.encode(ForwarderStatus(**{**values, **changes})))
        self.flush()

    def _write(self, role: str, topic: Topic, key: str, value: bytes) -> None:
        if role not in self._producers:
            client = self.broker.kafka(role, self.prefix).client()
            self._producers[role] = Producer({**client, "linger.ms": 1, "partitioner": PARTITIONER})
        self._producers[role].produce(full_name(topic, self.prefix), value, key=key.encode())
        self._producers[role].poll(0)

    def flush(self) -> None:
        """Everything stands in Kafka."""
        for producer in self._producers.values():
            assert producer.flush(30) == 0

    def newest(self, channel: Channel, symbol: str) -> dict[int, Any]:
        """What the topic says: the newest revision of each second."""
        settings, since = self.broker.kafka("audit", self.prefix), time.time_ns() - 3600 * NS
        with Records(settings, [channel], symbols={symbol}, since_ns=since, follow=False) as records:
            found = [item for item in records if isinstance(item, Envelope) and item.window is not None]
        return {envelope.window.start // NS: payload_of(envelope) for envelope in found if envelope.window}


class ConsoleProcess:
    """`torghut console` as a child. It can be killed and started again on the same port."""

    def __init__(self, environment: dict[str, str], home: Path) -> None:
        self.home = home
        self.port = free_port()
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **environment,
            "TORGHUT_HOME": str(home),
            "CONSOLE_PORT": str(self.port),
        }
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it has read the last hour."""
        with (self.home / "console.log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "torghut", "console"], env=self._environment, stdout=log, stderr=log
            )
        wait_until(self._is_ready, 60, f"the console (log: {self.home / 'console.log'})")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.child is not None:
            self.child.terminate()
            self.child.wait(20)
            self.child = None

    def get(self, path: str) -> Any:
        """The answer's JSON."""
        return httpx.get(f"{self.url}{path}", timeout=10, trust_env=False).json()

    def rows(self, symbol: str) -> dict[int, dict[str, Any]]:
        """What the console has of a symbol."""
        return {row["t"]: row for row in self.get(f"/api/rows?symbol={symbol}")["rows"]}

    def browser(self) -> ClientConnection:
        """A WebSocket as a page opens it."""
        return connect(f"ws://127.0.0.1:{self.port}/api/live", origin=Origin(self.url), proxy=None, max_size=None)


def told(socket: ClientConnection) -> dict[str, Any]:
    """The next update, acknowledged."""
    update: dict[str, Any] = msgspec.json.decode(socket.recv(15))
    socket.send('{"type":"seen"}')
    return update
