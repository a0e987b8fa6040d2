"""Status records: every change in order, a heartbeat every ten seconds, nothing lost while Kafka is away."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException
from tests.unit.forwarder.outlets import FakeProducer

from torghut.config import ConfigError
from torghut.forwarder import announce
from torghut.forwarder.announce import HEARTBEAT_S, Announcer
from torghut.forwarder.readiness import OPEN, Gate, Readiness
from torghut.wire.status import ForwarderStatus, Reason

DOWN = KafkaError._TRANSPORT


class Bench:
    """An announcer, its producers one after the other, and a clock that it is told and that it reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.ns = 0
        self.producers: list[FakeProducer] = []
        self.client: Any = dict
        self.readiness = Readiness("pod-1", self._ns)
        self.announcer = Announcer(self.readiness, "pod-1", "p.", self._client)
        monkeypatch.setattr(announce, "Producer", self._producer)
        monkeypatch.setattr(announce.time, "monotonic", lambda: self.now)  # type: ignore[attr-defined]

    def _client(self) -> Any:
        return self.client()

    def _ns(self) -> int:
        self.ns += 1_000_000
        return self.ns

    def _producer(self, settings: dict[str, Any]) -> FakeProducer:
        self.producers.append(FakeProducer(settings))
        return self.producers[-1]

    def tick(self, seconds: float = 0.1) -> None:
        self.now += seconds
        self.announcer.tick(self.now)

    def run(self, ticks: int = 20) -> None:
        """Tick, with every record acknowledged at once."""
        for _ in range(ticks):
            self.tick()
            for producer in self.producers[-1:]:
                producer.acknowledge()

    @property
    def sent(self) -> list[ForwarderStatus]:
        return [
            msgspec.json.decode(record.value, type=ForwarderStatus)
            for producer in self.producers
            for record in producer.records
        ]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


@pytest.fixture
def settled(bench: Bench) -> Bench:
    """What there was to say at the start is said."""
    bench.readiness.role("active")
    bench.readiness.kafka(OPEN)
    bench.readiness.alpaca(OPEN)
    bench.run()
    for producer in bench.producers:
        producer.records.clear()
    return bench


def reasons(bench: Bench) -> list[Reason]:
    return [record.reason for record in bench.sent]


def test_changes_go_out_in_their_order(settled: Bench) -> None:
    gates = [Gate(Reason.STALE_FEED), Gate(Reason.ALPACA_UNREACHABLE), OPEN]
    for gate in gates:
        settled.readiness.alpaca(gate)
    settled.run()
    assert reasons(settled) == [gate.reason for gate in gates]


def test_one_record_is_on_its_way_at_a_time(settled: Bench) -> None:
    settled.readiness.alpaca(Gate(Reason.STALE_FEED))
    settled.readiness.alpaca(OPEN)
    for _ in range(10):
        settled.tick()
    assert reasons(settled) == [Reason.STALE_FEED]


def test_without_a_change_a_heartbeat_goes_out_every_ten_seconds(settled: Bench) -> None:
    times = []
    for _ in range(350):
        before = len(settled.sent)
        settled.run(1)
        times += [settled.now] * (len(settled.sent) - before)
    assert len(times) in {3, 4}
    assert all(abs(later - earlier - HEARTBEAT_S) < 0.2 for earlier, later in pairwise(times))


def test_a_heartbeat_says_what_is_so_now(settled: Bench) -> None:
    settled.readiness.lag_ms = 4.5
    settled.tick(HEARTBEAT_S)
    (record,) = settled.sent
    assert (record.reason, record.lag_ms) == (Reason.OK, 4.5)


def test_a_record_is_keyed_by_instance_and_stamped_with_its_own_time(settled: Bench) -> None:
    settled.readiness.alpaca(Gate(Reason.STALE_FEED))
    settled.run()
    (record,) = settled.producers[-1].records
    assert (record.topic, record.key) == ("p.torghut.status.v1", b"forwarder/pod-1")
    assert record.timestamp == settled.sent[0].ts // 1_000_000


def test_what_could_not_be_written_is_published_later_with_its_own_time(settled: Bench) -> None:
    settled.readiness.alpaca(Gate(Reason.STALE_FEED))
    happened = settled.readiness.changes[0].ts
    settled.tick()
    settled.producers[-1].fail(DOWN)
    settled.readiness.alpaca(OPEN)
    settled.run()
    assert [(r.reason, r.ts > happened) for r in settled.sent[1:]] == [(Reason.STALE_FEED, False), (Reason.OK, True)]


def test_after_a_failure_it_waits_a_second(settled: Bench) -> None:
    settled.readiness.alpaca(Gate(Reason.STALE_FEED))
    settled.tick()
    settled.producers[-1].fail(DOWN)
    settled.tick(0.9)
    assert len(settled.sent) == 1
    settled.tick(0.2)
    assert len(settled.sent) == 2


def test_after_a_failure_it_connects_anew_with_the_settings_of_the_moment(settled: Bench) -> None:
    settled.client = lambda: {"sasl.password": "new"}
    settled.readiness.alpaca(Gate(Reason.STALE_FEED))
    settled.tick()
    settled.producers[-1].fail(KafkaError._AUTHENTICATION)
    settled.run()
    assert settled.producers[-1].settings["sasl.password"] == "new"


@pytest.mark.parametrize(
    "trouble",
    [ConfigError("KAFKA_PASSWORD_FILE=/x: wanted a readable file"), KafkaException(KafkaError(KafkaError._SSL))],
)
def test_settings_that_cannot_be_used_for_a_moment_lose_nothing(settled: Bench, trouble: Exception) -> None:
    def unusable() -> dict[str, Any]:
        raise trouble

    settled.readiness.alpaca(Gate(Reason.STALE_FEED))
    settled.tick()
    settled.producers[-1].fail(DOWN)
    settled.client = unusable
    settled.tick(2.0)
    assert settled.announcer.trouble.reason is not None
    settled.client = dict
    settled.run()
    assert reasons(settled)[1:] == [Reason.STALE_FEED]


def test_a_full_queue_of_librdkafka_loses_nothing(settled: Bench) -> None:
    settled.producers[-1].room = 0
    settled.readiness.alpaca(Gate(Reason.STALE_FEED))
    settled.tick()
    settled.run()
    assert reasons(settled) == [Reason.STALE_FEED]


def test_trouble_is_known_until_something_works(settled: Bench) -> None:
    settled.readiness.alpaca(Gate(Reason.STALE_FEED))
    settled.tick()
    settled.producers[-1].fail(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    during = settled.announcer.trouble.reason
    settled.run()
    assert (during, settled.announcer.trouble.reason) == (Reason.KAFKA_ACL, None)


def test_the_time_of_the_last_acknowledgement_is_known(settled: Bench) -> None:
    settled.tick(HEARTBEAT_S)
    settled.now += 1
    settled.producers[-1].acknowledge()
    assert settled.announcer.last_acknowledged == settled.now
