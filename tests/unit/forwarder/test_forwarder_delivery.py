"""The queue before Kafka: in order, bounded, lease first, and nothing forgotten when a generation ends."""

from __future__ import annotations

import base64
from typing import Any, NoReturn

import msgspec
import pytest
from confluent_kafka import KafkaError, ThrottleEvent
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.forwarder.events import T0, trade
from tests.unit.forwarder.outlets import FakeProducer

from torghut.feed.messages import Reject
from torghut.forwarder.delivery import RAW_LIMIT, UNMUTE_S, Delivery, dead_letter, producer_settings
from torghut.forwarder.sequence import Sequencer
from torghut.wire.envelope import DeadLetter, decode_envelope

TIMED_OUT = KafkaError._MSG_TIMED_OUT
REJECT = Reject(b"{broken", "invalid_message", "what is wrong", "AAPL")


class Abandoned(Exception):  # noqa: N818 - what happened, not a fault
    """The process would have ended here."""


class Term:
    """A lease whose end the test sets."""

    ttl_s = 8.0
    retry_s = 0.3

    def __init__(self) -> None:
        self.left_s = 8.0
        self.outlasting_s = 0.0

    def acquire(self) -> bool:
        return True

    def renew(self) -> None: ...

    def remaining_s(self) -> float:
        return self.left_s

    def outlast(self, seconds: float) -> None:
        self.outlasting_s = seconds

    def release(self) -> None: ...


class Bench:
    def __init__(self, limit: int = 1000) -> None:
        self.lease = Term()
        self.observed: list[int] = []
        self.generation = 0
        self.delivery = Delivery(
            feed="sip", prefix="p.", lease=self.lease, limit=limit, observe=self.observed.append, abandon=self._abandon
        )
        self.producer = FakeProducer()

    def begin(self) -> FakeProducer:
        self.generation += 1
        self.producer = FakeProducer()
        self.delivery.begin(self.producer, Sequencer("i", self.generation * 1000))  # type: ignore[arg-type]
        return self.producer

    def submit(self, *numbers: int) -> None:
        self.delivery.submit([trade(number, T0 + number) for number in numbers], T0, "ws")

    def handed_over(self) -> list[int]:
        return [decode_envelope(record.value).event_ts - T0 for record in self.producer.records]

    @staticmethod
    def _abandon() -> NoReturn:
        raise Abandoned


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_before_the_first_generation_records_wait(bench: Bench) -> None:
    bench.submit(1, 2)
    assert len(bench.delivery) == 2
    bench.begin()
    assert bench.handed_over() == [1, 2]


def test_a_record_counts_until_it_is_acknowledged(bench: Bench) -> None:
    bench.begin()
    bench.submit(1, 2)
    bench.producer.acknowledge(1)
    bench.delivery.poll()
    assert len(bench.delivery) == 1
    assert bench.delivery.delivered == {"p.torghut.trades.v1": 1}


def test_an_acknowledgement_that_comes_before_an_earlier_one_waits_for_it(bench: Bench) -> None:
    bench.begin()
    bench.submit(1, 2)
    bench.producer.reports.pop()(None, None)
    bench.delivery.poll()
    assert len(bench.delivery) == 2


def test_the_queue_says_when_it_is_full() -> None:
    bench = Bench(limit=3)
    bench.submit(1, 2)
    assert not bench.delivery.full
    bench.submit(3)
    assert bench.delivery.full


def test_what_librdkafka_has_no_room_for_waits_in_order(bench: Bench) -> None:
    bench.begin().room = 2
    bench.submit(1, 2, 3)
    bench.producer.room = 5
    bench.submit(4)
    assert bench.handed_over() == [1, 2, 3, 4]


def test_a_record_without_room_uses_up_no_number(bench: Bench) -> None:
    bench.begin().room = 1
    bench.submit(1, 2)
    bench.producer.room = 1
    bench.delivery.poll()
    assert [decode_envelope(record.value).seq for record in bench.producer.records] == [1000, 1001]


def test_a_record_is_stamped_with_the_time_of_its_arrival_and_keyed_by_symbol(bench: Bench) -> None:
    bench.begin()
    bench.submit(1)
    assert bench.producer.records[0].timestamp == T0 // 1_000_000
    assert bench.producer.records[0].key == b"AAPL"


def test_without_the_lease_nothing_is_handed_over(bench: Bench) -> None:
    bench.begin()
    bench.lease.left_s = 0.0
    with pytest.raises(Abandoned):
        bench.submit(1)
    assert not bench.producer.records


def test_after_a_failure_nothing_more_is_handed_over(bench: Bench) -> None:
    bench.begin()
    bench.submit(1)
    bench.producer.fail(TIMED_OUT)
    bench.submit(2)
    assert bench.delivery.failed.is_set()
    assert bench.handed_over() == [1]


def test_what_was_found_is_delivered_and_the_rest_goes_first_in_order(bench: Bench) -> None:
    bench.begin()
    bench.submit(1, 2, 3)
    bench.producer.fail(TIMED_OUT)
    bench.submit(4)
    bench.delivery.end()
    tokens = [(e.channel, e.symbol, e.seq) for e in map(decode_envelope, [r.value for r in bench.producer.records])]
    assert bench.delivery.resolve({tokens[0]}) == 1
    bench.begin()
    assert bench.handed_over() == [2, 3, 4]


def test_what_was_acknowledged_before_the_failure_is_not_asked_for(bench: Bench) -> None:
    bench.begin()
    bench.submit(1, 2)
    bench.producer.acknowledge(1)
    bench.producer.fail(TIMED_OUT)
    bench.delivery.end()
    assert bench.delivery.resolve(set()) == 0
    bench.begin()
    assert bench.handed_over() == [2]


def test_only_records_in_flight_are_of_unknown_fate(bench: Bench) -> None:
    bench.delivery.submit([trade(1)], T0 + 5, "ws")
    assert bench.delivery.unknown_since() is None
    bench.begin()
    bench.delivery.submit([trade(2)], T0 + 3, "ws")
    assert bench.delivery.unknown_since() == T0 + 3


def test_records_that_were_acknowledged_are_of_known_fate(bench: Bench) -> None:
    bench.begin()
    bench.submit(1)
    bench.producer.acknowledge()
    assert bench.delivery.unknown_since() is None


def test_at_the_first_failure_what_is_queued_in_the_producer_is_taken_back(bench: Bench) -> None:
    bench.begin()
    bench.submit(1, 2, 3)
    bench.producer.fail(TIMED_OUT, 2)
    assert bench.producer.purges == 1


def test_the_producer_is_given_no_more_than_it_may_hold(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torghut.forwarder.delivery.IN_FLIGHT_LIMIT", 2)
    bench.begin()
    bench.submit(1, 2, 3)
    assert bench.handed_over() == [1, 2]
    bench.producer.acknowledge()
    bench.delivery.poll()
    assert bench.handed_over() == [1, 2, 3]


def test_a_muted_connection_is_told_to_the_lease_and_is_over_after_its_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("torghut.forwarder.delivery.boot_clock", lambda: now)
    assert bench.delivery.muted_s() <= 0
    bench.delivery.throttled(ThrottleEvent("broker", 1, 60.0))
    bench.delivery.throttled(ThrottleEvent("broker", 2, 1.0))  # another broker's; the longer one counts
    assert bench.delivery.muted_s() == 60.0 + UNMUTE_S
    assert bench.lease.outlasting_s == 60.0 + UNMUTE_S
    now += 60.0 + UNMUTE_S
    assert bench.delivery.muted_s() <= 0


def test_others_are_told_at_once_of_a_long_mute_and_not_with_every_answer_of_a_short_one(bench: Bench) -> None:
    bench.delivery.throttled(ThrottleEvent("broker", 1, 0.0))
    assert not bench.delivery.muted.is_set()
    bench.delivery.throttled(ThrottleEvent("broker", 1, 0.1))
    bench.delivery.muted.clear()
    bench.delivery.throttled(ThrottleEvent("broker", 1, 0.2))
    assert not bench.delivery.muted.is_set()
    bench.delivery.throttled(ThrottleEvent("broker", 1, 5.0))
    assert bench.delivery.muted.is_set()


def test_a_failure_is_counted_by_its_name_and_our_own_purge_is_not(bench: Bench) -> None:
    bench.begin()
    bench.submit(1, 2, 3)
    bench.producer.fail(TIMED_OUT, 1)
    bench.producer.fail(KafkaError._PURGE_QUEUE)
    assert bench.delivery.failures == {"_MSG_TIMED_OUT": 1}


def test_the_time_to_the_acknowledgement_is_observed_in_nanoseconds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.begin()
    bench.submit(1)
    monkeypatch.setattr("torghut.forwarder.delivery.time.time_ns", lambda: T0 + 7)
    bench.delivery.poll()
    bench.producer.acknowledge()
    bench.delivery.poll()
    assert bench.observed == [7]


def test_the_age_of_the_oldest_record_is_known(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torghut.forwarder.delivery.time.time_ns", lambda: T0 + 2_500_000_000)
    assert bench.delivery.waiting_s() == 0.0
    bench.submit(1)
    assert bench.delivery.waiting_s() == 2.5


def test_a_dead_letter_goes_to_its_topic_in_order_with_the_rest(bench: Bench) -> None:
    bench.begin()
    bench.submit(1)
    bench.delivery.reject([REJECT], T0)
    assert [record.topic for record in bench.producer.records] == ["p.torghut.trades.v1", "p.torghut.dlq.v1"]
    assert bench.producer.records[1].key == b"forwarder"


def test_a_dead_letter_keeps_the_bytes_and_the_reason() -> None:
    letter = msgspec.json.decode(dead_letter(REJECT, T0), type=DeadLetter)
    assert (letter.reason, letter.detail, letter.symbol, letter.ts) == (
        "invalid_message",
        "what is wrong",
        "AAPL",
        T0,
    )
    assert base64.b64decode(letter.raw) == b"{broken"
    assert not letter.truncated


def test_a_dead_letter_that_would_not_fit_is_cut_and_says_so() -> None:
    letter = msgspec.json.decode(
        dead_letter(Reject(b"x" * (RAW_LIMIT + 1), "invalid_frame", "", None), T0), type=DeadLetter
    )
    assert letter.truncated
    assert len(base64.b64decode(letter.raw)) == RAW_LIMIT


@pytest.mark.parametrize(
    "setting",
    [
        ("acks", "all"),
        ("enable.idempotence", True),
        ("compression.type", "lz4"),
        ("max.in.flight.requests.per.connection", 1),
    ],
)
def test_the_producer_is_set_for_exactly_once(setting: tuple[str, Any]) -> None:
    assert setting in producer_settings({}, 5, 5000).items()


steps = st.lists(st.sampled_from(["submit", "acknowledge", "fail", "fail", "lose"]), max_size=30)


@given(steps, st.randoms(use_true_random=False))
def test_every_record_is_in_the_log_once_and_in_order_whatever_fails(actions: list[str], random: Any) -> None:
    """A broker that keeps a prefix of what it was sent, and tells about only a part of that."""
    bench = Bench()
    bench.begin()
    log: list[bytes] = []
    kept = submitted = 0

    def settle() -> None:
        found = {(e.channel, e.symbol, e.seq) for e in map(decode_envelope, log)}
        bench.delivery.end()
        bench.delivery.resolve(found)
        bench.begin()

    for action in actions:
        records = bench.producer.records
        if action == "submit":
            bench.submit(submitted, submitted + 1)
            submitted += 2
            continue
        more = random.randint(kept, len(records))
        log += [record.value for record in records[kept:more]]
        kept = more
        told = len(records) - len(bench.producer.reports)
        if action == "acknowledge":
            bench.producer.acknowledge(kept - told)
            bench.delivery.poll()
        else:
            if action == "fail":
                bench.producer.acknowledge(random.randint(0, kept - told))
            bench.producer.fail(TIMED_OUT)
            settle()
            kept = 0
    log += [record.value for record in bench.producer.records[kept:]]
    written = [decode_envelope(value) for value in log]
    assert [envelope.event_ts - T0 for envelope in written] == list(range(submitted))
    numbers = [envelope.seq for envelope in written]
    assert numbers == sorted(set(numbers))
