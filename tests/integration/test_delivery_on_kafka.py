"""Delivery on a real broker: what is accepted is there once, in order, as the contract says."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from tests.integration.deliveries import Bench
from tests.unit.forwarder.events import MS, bar, message, quote, trade

from torghut.feed.messages import Message, Reject
from torghut.forwarder.announce import Announcer
from torghut.forwarder.readiness import OPEN, Gate, Readiness
from torghut.forwarder.tail import Tail
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.status import ForwarderStatus, Reason
from torghut.wire.topics import BARS_1M, DLQ, MARKET_STATUS, QUOTES, STATUS, TRADES, Topic

NOW = time.time_ns()
INGEST = NOW + 123_456_789
SCHEMAS = Path(__file__).parents[2] / "schemas"
SYMBOLS = ("AAPL", "MSFT", "BRK.B", "BTC/USD", "A", "FAKEPACA")
CORRECTION = message("c", "AAPL", NOW, x="V", oi=1, op=1, os=1, oc=["@"], ci=2, cp=2, cs=2, cc=["@"], z="C")
EXAMPLES = [
    (TRADES, trade(1, NOW)),
    (TRADES, CORRECTION),
    (TRADES, message("x", "AAPL", NOW, i=1, x="V", p=1, s=1, a="C", z="C")),
    (QUOTES, quote(NOW)),
    (BARS_1M, bar(NOW)),
    (BARS_1M, bar(NOW, kind="u")),
    (MARKET_STATUS, message("s", "AAPL", NOW, sc="H", sm="Halt", rc="T12", rm="news", z="C")),
    (MARKET_STATUS, message("l", "AAPL", NOW, u=10.5, d=9.5, i="B", z="C")),
]


def murmur2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2 with Kafka's seed, from its description: 32 bits, little-endian."""
    mask, mix = 0xFFFFFFFF, 0x5BD1E995
    state = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * mix & mask
        word = (word ^ word >> 24) * mix & mask
        state = state * mix & mask ^ word
    if rest := data[whole:]:
        state = (state ^ int.from_bytes(rest, "little")) * mix & mask
    state = (state ^ state >> 13) * mix & mask
    return state ^ state >> 15


def numbered(count: int, start: int = 0) -> list[Message]:
    """Trades of several symbols, each with an id and a time of its own."""
    return [trade(n, NOW + n, SYMBOLS[n % len(SYMBOLS)]) for n in range(start, start + count)]


@pytest.fixture
def bench(broker: RunningStack, topic_prefix: str) -> Bench:
    return Bench(broker, topic_prefix)


def valid(topic: Topic, value: bytes) -> Any:
    found = msgspec.json.decode(value)
    schema = msgspec.json.decode((SCHEMAS / f"{topic.name}.json").read_bytes())
    jsonschema.Draft202012Validator(schema).validate(found)
    return found


def test_every_channel_is_in_its_topic_and_valid_by_the_published_schema(bench: Bench) -> None:
    bench.begin()
    bench.write([example for _, example in EXAMPLES], INGEST)
    for topic in (TRADES, QUOTES, BARS_1M, MARKET_STATUS):
        found = {valid(topic, record.value() or b"")["channel"] for record in bench.records(topic)}
        assert found == {example.channel for home, example in EXAMPLES if home is topic}


def test_a_record_is_keyed_placed_and_stamped_as_the_contract_says(bench: Bench) -> None:
    bench.begin()
    bench.write(numbered(len(SYMBOLS)), INGEST)
    for record in bench.records(TRADES):
        symbol = valid(TRADES, record.value() or b"")["symbol"].encode()
        assert record.key() == symbol
        assert record.partition() == (murmur2(symbol) & 0x7FFFFFFF) % 6
        assert record.timestamp() == (1, INGEST // MS)  # set by the producer
        assert not record.headers()


def test_the_payload_is_byte_for_byte_what_was_received(bench: Bench) -> None:
    bench.begin()
    odd = Message(trade(1).channel, "AAPL", NOW, b'{"i":1,"p":1.50,"s":1e2,"t":"x","new":{"a":[ ]}}', 1)
    bench.write([odd], INGEST)
    (record,) = bench.records(TRADES)
    assert b'"payload":' + odd.payload in (record.value() or b"")


def test_records_of_a_symbol_are_in_order_and_numbered_one_by_one(bench: Bench) -> None:
    sequencer = bench.begin()
    bench.write(numbered(3_000), INGEST)
    for symbol in SYMBOLS:
        mine = [e for e in bench.envelopes(TRADES) if e.symbol == symbol]
        assert [e.seq for e in mine] == list(range(sequencer.first, sequencer.first + 500))
        assert [e.event_ts for e in mine] == sorted(e.event_ts for e in mine)


def test_a_dead_letter_is_valid_by_the_published_schema(bench: Bench) -> None:
    bench.begin()
    bench.delivery.reject([Reject(b"\xff{broken", "invalid_frame", "no JSON", None)], INGEST)
    bench.settle()
    (record,) = bench.records(DLQ)
    assert valid(DLQ, record.value() or b"")["reason"] == "invalid_frame"
    assert record.key() == b"forwarder"


def test_an_event_too_large_for_kafka_is_a_dead_letter_and_the_others_go_on(bench: Bench) -> None:
    bench.begin()
    huge = message("t", "AAPL", NOW, i=2, p=1, s=1, x="V", z="C", junk="x" * 2_000_000)
    bench.write([trade(1, NOW), huge, trade(3, NOW + 1)], INGEST)
    assert [msgspec.json.decode(e.payload)["i"] for e in bench.envelopes(TRADES)] == [1, 3]
    assert [e.seq for e in bench.envelopes(TRADES)] == [bench.delivery.sequencer.first + n for n in (0, 1)]  # type: ignore[union-attr]
    (record,) = bench.records(DLQ)
    assert valid(DLQ, record.value() or b"")["truncated"]


def test_after_an_outage_every_record_is_there_once_and_the_new_session_counts_higher(
    broker: RunningStack, bench: Bench
) -> None:
    first = bench.begin(timeout_ms=5_000)
    bench.write(numbered(600), time.time_ns())
    bench.delivery.submit(numbered(600, 600), time.time_ns(), "ws")  # some of these are on their way
    bench.delivery.poll()
    paused = broker.pause("kafka")
    try:
        bench.delivery.submit(numbered(600, 1_200), time.time_ns(), "ws")
        bench.await_failure()
        bench.delivery.submit(numbered(600, 1_800), time.time_ns(), "ws")
        bench.delivery.end()
    finally:
        broker.resume(paused)
    since = bench.delivery.unknown_since()
    assert since is not None
    with Tail(bench.client, bench.prefix) as tail:
        bench.delivery.resolve(tail.written(first.session, since))
    second = bench.begin()
    bench.settle()
    envelopes = bench.envelopes(TRADES)
    assert Counter(e.event_ts - NOW for e in envelopes) == Counter(range(2_400))
    for symbol in SYMBOLS:
        seqs = [e.seq for e in envelopes if e.symbol == symbol]
        assert seqs == sorted(set(seqs))
    assert {e.session for e in envelopes} == {first.session, second.session}


def test_the_queue_is_full_while_kafka_is_away_and_drains_when_it_is_back(broker: RunningStack, bench: Bench) -> None:
    bench.begin()
    bench.write(numbered(1), time.time_ns())
    paused = broker.pause("kafka")
    try:
        bench.delivery.submit(numbered(10_000, 1), time.time_ns(), "ws")
        bench.delivery.poll()
        full = bench.delivery.full
    finally:
        broker.resume(paused)
    bench.settle()
    assert (full, bench.delivery.full) == (True, False)


def test_changes_of_status_are_on_the_status_topic_in_order_and_valid(bench: Bench) -> None:
    readiness = Readiness("pod-1", time.time_ns)
    announcer = Announcer(readiness, "pod-1", bench.prefix, lambda: bench.client)
    readiness.role("active")
    readiness.kafka(OPEN)
    readiness.alpaca(Gate(Reason.ALPACA_UNREACHABLE, "refused"))
    readiness.alpaca(OPEN)
    wanted = [change.ts for change in readiness.changes]

    def said() -> bool:
        announcer.tick(time.monotonic())
        return not readiness.changes

    wait_until(said, 30.0, "all changes to be sent", 0.01)
    announcer.close(10.0)
    records = bench.records(STATUS)
    found = [msgspec.json.decode(record.value() or b"", type=ForwarderStatus) for record in records]
    assert [status.ts for status in found][: len(wanted)] == wanted
    assert {record.key() for record in records} == {b"forwarder/pod-1"}
    for record in records:
        valid(STATUS, record.value() or b"")
