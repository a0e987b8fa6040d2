"""The audit against a real broker: TLS, SCRAM and the rights of its own user."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from tests.unit.audit.world import MS, S, World, quote, status, trade
from typer.testing import CliRunner

from torghut.audit import AuditRequest, Report, TopicsError, run
from torghut.cli import app
from torghut.platform.kafka.reader import ReadError, TopicReader
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.topics import PARTITIONER, TOPICS, full_name


def _readable(broker: RunningStack, prefix: str) -> bool:
    try:
        with TopicReader(
            broker.kafka("audit", prefix).client(), [full_name(topic, prefix) for topic in TOPICS]
        ) as reader:
            return bool(reader.partitions())
    except ReadError:
        return False


@pytest.fixture
def producer(broker: RunningStack, topic_prefix: str) -> Iterator[Producer]:
    # A broker confirms permissions a moment before it obeys them; those of the audit are the last of the table.
    wait_until(lambda: _readable(broker, topic_prefix), 30, "the audit's permissions to take effect")
    settings = broker.kafka("forwarder", topic_prefix)
    producer = Producer(settings.client() | {"partitioner": PARTITIONER, "enable.idempotence": True})
    yield producer
    assert producer.flush(30) == 0


def market(begin_ns: int) -> World:
    """A few hundred events of several symbols, half a minute ago."""
    world = World(subscribed=False)
    world.acknowledge(begin_ns - S)
    for number in range(200):
        symbol = ("AAPL", "MSFT", "TSLA")[number % 3]
        world.both(trade(number, begin_ns + number * MS, symbol))
        world.both(quote(begin_ns + number // 4 * MS, symbol))
    world.both(status(begin_ns))
    return world


def produce(world: World, producer: Producer, prefix: str) -> None:
    for item in world.incoming:
        producer.produce(prefix + item.position.topic, item.value, item.key, timestamp=item.timestamp_ms)
    assert producer.flush(30) == 0


def ledger(world: World, folder: Path) -> Path:
    (folder / "1.ndjson").write_bytes(b"".join(world.ledger))
    return folder


def audited(broker: RunningStack, prefix: str, folder: Path, wait_s: float = 0.0) -> Report:
    request = AuditRequest(kafka=broker.kafka("audit", prefix), ledger=folder, settle_s=1.0, wait_s=wait_s)
    return run(request)


def test_a_faithful_topic_is_ok(broker: RunningStack, topic_prefix: str, producer: Producer, tmp_path: Path) -> None:
    world = market(time.time_ns() - 30 * S)
    produce(world, producer, topic_prefix)
    report = audited(broker, topic_prefix, ledger(world, tmp_path))
    assert report.verdict == "ok"
    assert (report.channels["trades"].sent, report.channels["quotes"].received) == (200, 200)
    assert report.records == 401


def test_what_was_done_to_the_records_is_found(
    broker: RunningStack, topic_prefix: str, producer: Producer, tmp_path: Path
) -> None:
    world = market(time.time_ns() - 30 * S)
    del world.incoming[10]  # a trade of TSLA, and so a jump of its seq
    world.incoming.append(world.incoming[21])  # a trade again, with an old seq
    world.record(trade(9999, time.time_ns() - 20 * S))
    produce(world, producer, topic_prefix)
    report = audited(broker, topic_prefix, ledger(world, tmp_path))
    trades = report.channels["trades"]
    assert report.verdict == "bad"
    assert (trades.lost, trades.duplicated, trades.unexpected) == (1, 1, 1)
    assert (trades.reordered, trades.seq_gaps) == (1, 1)
    assert {example.what for example in report.examples} >= {"lost", "duplicated", "unexpected", "reordered"}


def test_a_record_that_comes_while_the_audit_waits_is_not_lost(
    broker: RunningStack, topic_prefix: str, producer: Producer, tmp_path: Path
) -> None:
    world = market(time.time_ns() - 30 * S)
    late, world.incoming = world.incoming[200:], world.incoming[:200]
    produce(world, producer, topic_prefix)
    folder = ledger(world, tmp_path)
    world.incoming = late
    timer = threading.Timer(1.5, produce, (world, producer, topic_prefix))
    timer.start()
    report = audited(broker, topic_prefix, folder, wait_s=30)
    timer.join()
    assert report.verdict == "ok"
    assert report.seconds < 20


def test_the_command_prints_one_document_and_exits_by_the_verdict(
    broker: RunningStack, topic_prefix: str, producer: Producer, tmp_path: Path
) -> None:
    world = market(time.time_ns() - 30 * S)
    produce(world, producer, topic_prefix)
    environment = broker.environment("audit", topic_prefix)
    arguments = ["audit", "--ledger", str(ledger(world, tmp_path)), "--settle-s", "1", "--wait-s", "0"]
    good = CliRunner().invoke(app, [*arguments, "--json"], env=environment)
    assert good.exit_code == 0, good.output
    assert msgspec.json.decode(good.stdout)["verdict"] == "ok"
    world.happen(trade(7777, time.time_ns() - 20 * S))
    ledger(world, tmp_path)
    bad = CliRunner().invoke(app, arguments, env=environment)
    assert bad.exit_code == 1
    assert "bad: of 402 events 1 lost" in bad.stdout


def test_topics_that_it_may_not_see_are_an_error_that_names_them(broker: RunningStack, tmp_path: Path) -> None:
    world = market(time.time_ns() - 30 * S)
    with pytest.raises(TopicsError, match=r"nowhere\.torghut\.trades.*authorization"):
        audited(broker, "nowhere.", ledger(world, tmp_path))
