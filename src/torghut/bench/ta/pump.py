"""Writes a load into the input topics: `python -m torghut.bench.ta.pump LOAD_JSON LEAD_S TRADES_FILE`.

Every record is due at its event time; those whose time has passed go out at once. So a backlog is a load that begins in
the past, and an outage one that began a minute ago. All is encoded before `ready`. Then each line on stdin, a topic
prefix and a share, lets the load (or its first part) go out once, with `done` at its end.

Symbol number n goes to partition n modulo their number, so that every partition is active. The last records of each
partition are *closers*: a trade and a quote of a symbol of its own, after which every second of the load can be closed.
"""

from __future__ import annotations

import gc
import sys
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import Producer

from torghut.bench.load import Load, records, symbols_of
from torghut.bench.stage import Said, leave_with_director, say
from torghut.config import KafkaSettings
from torghut.config import load as settings_of
from torghut.forwarder.delivery import producer_settings
from torghut.forwarder.settings import ForwarderSettings
from torghut.wire.envelope import VERSION, Envelope, encode_envelope
from torghut.wire.times import NS_PER_S
from torghut.wire.topics import CHANNEL_TOPIC, QUOTES, TRADES, Channel, full_name

CLOSING: Final = "CLOSING"
"""What the symbols of closers begin with."""
_AFTER_S: Final = 4
"""Closers happen up to this much after the load: its last second, the watermark's bound, and one more."""
_STEPS: Final = 8
_DELIVERY_MS: Final = 60_000


class Ready(NamedTuple):
    """An encoded record."""

    due_ns: int
    channel: Channel
    symbol: str
    value: bytes


class Pump:
    """One load, encoded."""

    def __init__(self, load: Load, base: int) -> None:
        self._load: Final = load
        self._base: Final = base
        self.records: Final[list[Ready]] = []
        self._symbols: Final = {symbol: number for number, symbol in enumerate(symbols_of(load))}
        for number, (channel, symbol, value) in enumerate(records(load, base, "sip")):
            self.records.append(Ready(load.event_ns(base, number), channel, symbol, value))

    def trades(self) -> array[int]:
        """Event time and symbol number of each trade, one after the other."""
        found = array("q")
        for record in self.records:
            if record.channel is Channel.TRADES:
                found.extend((record.due_ns, self._symbols[record.symbol]))
        return found

    def send(self, producer: Producer, prefix: str, count: int, partitions: int) -> None:
        """Write the first `count` records and the closers, each when it is due; returns when Kafka has all."""
        topics = {channel: full_name(CHANNEL_TOPIC[channel], prefix) for channel in (Channel.TRADES, Channel.QUOTES)}
        for due_ns, channel, symbol, value in self.records[:count]:
            if (ahead := due_ns - time.time_ns()) > 0:
                producer.poll(0)
                time.sleep(ahead / NS_PER_S)  # the schedule itself, nothing is waited for
            _produce(producer, topics[channel], value, symbol, self._symbols[symbol] % partitions)
        for record, partition in self._closers(self.records[count - 1].due_ns, partitions):
            if (ahead := record.due_ns - time.time_ns()) > 0:
                producer.flush()
                time.sleep(ahead / NS_PER_S)  # as above
            _produce(producer, topics[record.channel], record.value, record.symbol, partition)
        producer.flush()

    def _closers(self, last_ns: int, partitions: int) -> Iterator[tuple[Ready, int]]:
        """Several a second, so that a load that is live closes its seconds when they are due, and not at its end."""
        for step in range(_AFTER_S * _STEPS + 1):
            at = last_ns + step * NS_PER_S // _STEPS
            for partition in range(partitions):
                for channel, payload in _CLOSING.items():
                    symbol = f"{CLOSING}{partition}"
                    yield Ready(at, channel, symbol, _envelope(channel, symbol, at, payload)), partition


_CLOSING: Final = {
    Channel.TRADES: msgspec.Raw(b'{"i":1,"x":"V","p":1.5,"s":1,"c":["@"],"z":"C"}'),
    Channel.QUOTES: msgspec.Raw(b'{"bp":1,"ap":2,"bs":1,"as":1,"z":"C"}'),
}


def _envelope(channel: Channel, symbol: str, at: int, payload: msgspec.Raw) -> bytes:
    return encode_envelope(
        Envelope(
            version=VERSION,
            event_ts=at,
            ingest_ts=at,
            feed="sip",
            channel=channel,
            symbol=symbol,
            seq=at // 1000,
            session="bench",
            source="ws",
            payload=payload,
        )
    )


def _produce(producer: Producer, topic: str, value: bytes, key: str, partition: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition)
        except BufferError:
            producer.poll(0.01)
        else:
            return


def main() -> None:
    """Encode, say so, and write whenever told to."""
    load, lead_s, path = msgspec.json.decode(sys.argv[1], type=Load), float(sys.argv[2]), sys.argv[3]
    base = -(-(time.time_ns() + int(lead_s * NS_PER_S)) // NS_PER_S) * NS_PER_S
    pump = Pump(load, base)
    Path(path).write_bytes(pump.trades().tobytes())
    gc.collect()
    gc.freeze()
    say(Said("ready", base=base))
    for line in sys.stdin:
        prefix, share = line.split()
        kafka, settings = settings_of(KafkaSettings), settings_of(ForwarderSettings)
        producer = Producer(producer_settings(kafka.client(), settings.linger_ms, _DELIVERY_MS))
        for topic in (TRADES, QUOTES):
            producer.list_topics(full_name(topic, prefix), timeout=10)
        pump.send(producer, prefix, max(1, int(load.messages * float(share))), TRADES.partitions[0])
        say(Said("done"))


if __name__ == "__main__":
    leave_with_director()
    main()
