"""alpaca-py with a handler that does the same job: decode, envelope, produce.

As its documentation shows it: models, the event loop of the standard library. `BENCH_TUNED=1`: raw messages on uvloop,
as fast as it can be made without changing it. Either way the handler encodes with msgspec, and it does less than ours:
no duplicates are looked for, nothing is repaired, nothing is resent. Its models keep microseconds only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
import uvloop
from alpaca.data.enums import DataFeed
from alpaca.data.live import StockDataStream
from confluent_kafka import Producer

from torghut.bench.latencies import Latencies, wanted
from torghut.bench.stage import leave_with_director
from torghut.config import KafkaSettings, load
from torghut.forwarder.delivery import producer_settings
from torghut.forwarder.settings import ForwarderSettings
from torghut.wire.envelope import VERSION
from torghut.wire.times import NS_PER_MS, NS_PER_S
from torghut.wire.topics import CHANNEL_TOPIC, Channel, full_name

_KEYS: Final = {
    "id": "i", "exchange": "x", "price": "p", "size": "s", "conditions": "c", "tape": "z", "timestamp": "t",
    "ask_exchange": "ax", "ask_price": "ap", "ask_size": "as", "bid_exchange": "bx", "bid_price": "bp",
    "bid_size": "bs",
}  # fmt: skip

Handler: TypeAlias = Callable[[Any], Awaitable[None]]

_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class Handlers:
    """The stream's two handlers, and the producer behind them."""

    def __init__(self, kafka: KafkaSettings, settings: ForwarderSettings, latencies: Latencies | None) -> None:
        self.producer = Producer(producer_settings(kafka.client(), settings.linger_ms, settings.delivery_timeout_ms))
        self.delivered = 0
        self._session = f"alpaca-py-{time.time_ns() // 1000:x}"
        self._numbers: dict[tuple[str, str], int] = {}
        self._prefix = kafka.topic_prefix
        self._latencies = latencies

    def raw(self, channel: Channel) -> Handler:
        """For messages as they are decoded from MessagePack."""
        topic = full_name(CHANNEL_TOPIC[channel], self._prefix)

        async def handle(message: Any) -> None:  # noqa: ANN401 - a dict, as decoded
            ingest_ts = time.time_ns()
            at = message["t"]
            event_ts = at.seconds * NS_PER_S + at.nanoseconds
            payload = {key: value for key, value in message.items() if key not in {"T", "S"}}
            payload["t"] = f"{_second(at.seconds)}.{at.nanoseconds:09d}Z"
            self._produce(topic, channel, message["S"], event_ts, ingest_ts, payload)

        return handle

    def models(self, channel: Channel) -> Handler:
        """For alpaca-py's `Trade` and `Quote`, which is what it hands out unless told otherwise."""
        topic = full_name(CHANNEL_TOPIC[channel], self._prefix)

        async def handle(message: Any) -> None:  # noqa: ANN401 - alpaca-py is untyped to us
            ingest_ts = time.time_ns()
            at = message.timestamp
            event_ts = int(at.timestamp()) * NS_PER_S + at.microsecond * 1000
            fields = {_KEYS[key]: value for key, value in message.__dict__.items() if key in _KEYS}
            self._produce(topic, channel, message.symbol, event_ts, ingest_ts, fields)

        return handle

    def _produce(
        self, topic: str, channel: Channel, symbol: str, event_ts: int, ingest_ts: int, payload: dict[str, Any]
    ) -> None:
        seq = self._numbers[channel, symbol] = self._numbers.get((channel, symbol), ingest_ts // 1000) + 1
        value = _encode(
            {
                "version": VERSION,
                "event_ts": event_ts,
                "ingest_ts": ingest_ts,
                "feed": "sip",
                "channel": channel,
                "symbol": symbol,
                "seq": seq,
                "session": self._session,
                "source": "ws",
                "payload": payload,
            }
        )
        while True:
            try:
                self.producer.produce(
                    topic, value, symbol.encode(), on_delivery=self._report(ingest_ts), timestamp=ingest_ts // NS_PER_MS
                )
                break
            except BufferError:
                self.producer.poll(0.01)
        self.producer.poll(0)

    def _report(self, ingest_ts: int) -> Callable[[object, object], None]:
        def report(error: object, _: object) -> None:
            if error is None:
                self.delivered += 1
                if self._latencies is not None:
                    self._latencies.add(time.time_ns() - ingest_ts)

        return report


def main() -> None:
    """Stream until SIGTERM."""
    path = wanted()
    latencies = Latencies() if path else None
    handlers = Handlers(load(KafkaSettings), load(ForwarderSettings), latencies)
    tuned = os.environ.get("BENCH_TUNED") == "1"
    url = os.environ["ALPACA_STREAM_URL"] + "/v2/sip"
    stream = StockDataStream("bench", "bench", raw_data=tuned, feed=DataFeed.SIP, url_override=url)
    kind = handlers.raw if tuned else handlers.models
    stream.subscribe_trades(kind(Channel.TRADES), "*")
    stream.subscribe_quotes(kind(Channel.QUOTES), "*")

    def leave() -> None:
        """All is delivered: go at once. alpaca-py would take ten seconds to close its socket."""
        handlers.producer.flush(10)
        if path and latencies:
            latencies.write(path)
        os._exit(0)

    async def consume() -> None:
        """Delivery reports also come while no message does."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
        run = asyncio.create_task(stream._run_forever())  # noqa: SLF001 - what `run` runs, on a loop of our choice
        while not run.done():
            handlers.producer.poll(0)
            await asyncio.sleep(0.005)

    (uvloop.run if tuned else asyncio.run)(consume())


if __name__ == "__main__":
    leave_with_director()
    main()
