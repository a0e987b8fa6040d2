"""`torghut tail` and the client on a real broker."""

from __future__ import annotations

import threading
import time

import msgspec
from confluent_kafka import Producer
from tests.unit.audit.world import MS, S, World, trade
from typer.testing import CliRunner

from torghut.cli import app
from torghut.client import Channel, Gap, Records
from torghut.platform.kafka.reader import TopicReader
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.topics import PARTITIONER, TOPICS, full_name


def connect(broker: RunningStack, prefix: str) -> Producer:
    names = [full_name(topic, prefix) for topic in TOPICS]

    def readable() -> bool:
        with TopicReader(broker.kafka("audit", prefix).client(), names) as reader:
            try:
                return bool(reader.partitions())
            except Exception:  # noqa: BLE001 - permissions take effect a moment after they are confirmed
                return False

    wait_until(readable, 30, "permissions")
    return Producer(broker.kafka("forwarder", prefix).client() | {"partitioner": PARTITIONER})


def produce(world: World, producer: Producer, prefix: str) -> None:
    for item in world.incoming:
        producer.produce(prefix + item.position.topic, item.value, item.key, timestamp=item.timestamp_ms)
    assert producer.flush(30) == 0


def test_a_backlog_shows_the_symbol_its_order_and_its_gap(broker: RunningStack, topic_prefix: str) -> None:
    producer, world, begin = connect(broker, topic_prefix), World(), time.time_ns() - 10 * S
    for number, seq in enumerate((5, 6, 9)):
        world.record(trade(number, begin + number * MS), seq=seq)
        world.record(trade(number, begin + number * MS, "MSFT"))
    produce(world, producer, topic_prefix)
    kafka = broker.kafka("audit", topic_prefix)
    with Records(kafka, [Channel.TRADES], symbols={"AAPL"}, since_ns=begin - S, follow=False) as records:
        found = list(records)
    assert [item.seq if isinstance(item, Gap) else (item.symbol, item.seq) for item in found] == [
        ("AAPL", 5),
        ("AAPL", 6),
        9,
        ("AAPL", 9),
    ]


def test_tail_prints_what_comes_live_as_one_envelope_a_line(broker: RunningStack, topic_prefix: str) -> None:
    producer, world = connect(broker, topic_prefix), World()
    world.record(trade(1, time.time_ns()))
    stop = threading.Event()

    def keep_trading() -> None:
        while not stop.wait(0.2):
            produce(world, producer, topic_prefix)

    thread = threading.Thread(target=keep_trading)
    thread.start()
    environment = broker.environment("audit", topic_prefix)
    result = CliRunner().invoke(app, ["tail", "AAPL", "-n", "2", "--json"], env=environment)
    stop.set()
    thread.join()
    assert result.exit_code == 0, result.output
    first, second = map(msgspec.json.decode, result.stdout.splitlines())
    assert first == second
    assert first["payload"]["i"] == 1


def test_tail_prints_columns_for_people(broker: RunningStack, topic_prefix: str) -> None:
    producer, world = connect(broker, topic_prefix), World()
    world.record(trade(1, time.time_ns()), source="rest")
    produce(world, producer, topic_prefix)
    environment = broker.environment("audit", topic_prefix)
    result = CliRunner().invoke(app, ["tail", "AAPL", "-n", "1", "--since", "60s"], env=environment)
    assert result.exit_code == 0, result.output
    assert "trades" in result.stdout
    assert "p 100.25  s 100  x V" in result.stdout
    assert "[rest]" in result.stdout
