"""The intake: repeats are dropped and counted, live events wait while history goes first, and coverage is known."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.forwarder.events import T0, S, halt, quote, trade
from tests.unit.forwarder.outlets import FakeProducer

from torghut.feed.messages import Message, overlap_key
from torghut.forwarder.dedup import DedupWindow
from torghut.forwarder.delivery import Delivery
from torghut.forwarder.intake import OVERLAP_S, Intake
from torghut.forwarder.metrics import Histogram, Metrics
from torghut.forwarder.sequence import Sequencer
from torghut.forwarder.tail import Seen
from torghut.wire.envelope import Envelope, decode_envelope
from torghut.wire.topics import Channel

INGEST = T0 + S


class Always:
    """A lease that is never lost."""

    ttl_s = 8.0
    retry_s = 0.3

    def acquire(self) -> bool:
        return True

    def renew(self) -> None: ...

    def remaining_s(self) -> float:
        return self.ttl_s

    def outlast(self, seconds: float) -> None: ...

    def release(self) -> None: ...


def never() -> Any:
    raise AssertionError("the lease is never lost here")


class Bench:
    """An intake, and what comes out of it."""

    def __init__(self, hold_limit: int = 1000) -> None:
        self.producer = FakeProducer()
        delivery = Delivery(
            feed="sip", prefix="", lease=Always(), limit=10_000, observe=lambda _ns: None, abandon=never
        )
        delivery.begin(self.producer, Sequencer("i", 1))  # type: ignore[arg-type]
        self.metrics = Metrics(dict, str, int, dict, Histogram())
        self.intake = Intake(delivery, DedupWindow(60.0), self.metrics, hold_limit)

    @property
    def out(self) -> list[Envelope]:
        return [decode_envelope(record.value) for record in self.producer.records]

    def came_out(self) -> list[tuple[str, int]]:
        """Source and event time after T0, in ns."""
        return [(envelope.source, envelope.event_ts - T0) for envelope in self.out]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def numbered(*numbers: int) -> list[Message]:
    """Trades with an id and a time (ns after T0) that are the number."""
    return [trade(number, T0 + number) for number in numbers]


def keys(messages: list[Message]) -> list[Any]:
    return [overlap_key(message) for message in messages]


def test_live_events_go_out_as_they_come(bench: Bench) -> None:
    bench.intake.live(numbered(1, 2), INGEST)
    assert bench.came_out() == [("ws", 1), ("ws", 2)]
    assert {envelope.ingest_ts for envelope in bench.out} == {INGEST}


def test_a_repeated_trade_is_dropped_and_counted(bench: Bench) -> None:
    bench.intake.live(numbered(1, 2, 1), INGEST)
    bench.intake.live(numbered(2), INGEST)
    assert bench.came_out() == [("ws", 1), ("ws", 2)]
    assert bench.metrics.dropped == {Channel.TRADES: 2}


def test_repeats_count_as_received(bench: Bench) -> None:
    bench.intake.live(numbered(1, 1), INGEST)
    assert bench.metrics.messages == {Channel.TRADES: 2}


def test_identical_quotes_of_one_connection_all_pass(bench: Bench) -> None:
    bench.intake.live([quote(), quote()], INGEST)
    assert len(bench.out) == 2
    assert not bench.metrics.dropped


def test_what_is_in_kafka_already_is_dropped(bench: Bench) -> None:
    bench.intake.remember(trade(1, T0 + 1))
    bench.intake.live(numbered(1, 2), INGEST)
    assert bench.came_out() == [("ws", 2)]


def test_while_it_holds_nothing_goes_out(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.live(numbered(1), INGEST)
    assert bench.intake.holding
    assert not bench.out


def test_what_history_does_not_have_is_not_held(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.live([trade(1, T0), halt(T0 + 1)], INGEST)
    assert [(e.channel, e.event_ts) for e in bench.out] == [(Channel.STATUSES, T0 + 1)]
    bench.intake.release()
    assert [e.channel for e in bench.out] == [Channel.STATUSES, Channel.TRADES]


def test_what_history_does_not_have_leaves_a_repair_that_is_under_way_alone(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.overlap([], T0 + 10)
    bench.intake.live([halt(T0 + 1)], INGEST)
    assert bench.intake.repair(numbered(1), INGEST) == 1
    assert [e.channel for e in bench.out] == [Channel.STATUSES, Channel.TRADES]


def test_what_history_does_not_have_covers_nothing(bench: Bench) -> None:
    bench.intake.live([halt(T0 + 1)], INGEST)
    assert bench.intake.seen == {}
    assert bench.metrics.messages[Channel.STATUSES] == 1


def test_what_was_held_goes_out_in_order_and_with_its_own_time_of_arrival(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.live(numbered(1, 2), INGEST)
    bench.intake.live(numbered(3), INGEST + 7)
    bench.intake.release()
    assert [(e.event_ts - T0, e.ingest_ts - INGEST) for e in bench.out] == [(1, 0), (2, 0), (3, 7)]
    assert not bench.intake.holding


def test_what_was_held_for_a_connection_that_ended_is_forgotten(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.live(numbered(1), INGEST)
    bench.intake.hold()
    bench.intake.release()
    assert not bench.out


def test_too_much_held_is_told() -> None:
    intake = Bench(hold_limit=3).intake
    intake.hold()
    told = []
    for number in (1, 2, 3):
        intake.live(numbered(number), INGEST)
        told.append(intake.overflowing)
    intake.release()
    assert [*told, intake.overflowing] == [False, False, True, False]


def test_the_newest_held_event_is_known(bench: Bench) -> None:
    bench.intake.hold()
    assert bench.intake.newest_held is None
    bench.intake.live(numbered(5, 3), INGEST)
    assert bench.intake.newest_held == T0 + 5


def test_history_goes_before_what_was_held(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.live(numbered(3), INGEST)
    bench.intake.overlap([], T0 + 10)
    bench.intake.repair(numbered(1, 2), INGEST + 1)
    bench.intake.release()
    assert bench.came_out() == [("rest", 1), ("rest", 2), ("ws", 3)]


def test_repaired_events_are_counted_apart_from_received_ones(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.overlap([], T0 + 10)
    assert bench.intake.repair(numbered(1, 2), INGEST) == 2
    assert bench.metrics.repaired == {Channel.TRADES: 2}
    assert not bench.metrics.messages


def test_what_kafka_and_history_and_the_connection_all_have_comes_out_once(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.live([quote(T0 + 2), quote(T0 + 3)], INGEST)
    bench.intake.overlap(keys([quote(T0 + 1)]), T0 + 10)
    assert bench.intake.repair([quote(T0 + 1), quote(T0 + 2), quote(T0 + 2)], INGEST) == 1
    bench.intake.release()
    assert bench.came_out() == [("rest", 2), ("ws", 2), ("ws", 3)]


def test_what_arrives_while_history_is_read_is_matched_too(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.overlap([], T0 + 10)
    bench.intake.live([quote(T0 + 2)], INGEST)
    assert bench.intake.repair([quote(T0 + 2)], INGEST) == 0
    bench.intake.release()
    assert bench.came_out() == [("ws", 2)]


def test_a_straggler_that_history_had_is_dropped_after_the_release(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.overlap([], T0 + 10)
    bench.intake.repair([quote(T0 + 2)], INGEST)
    bench.intake.release()
    bench.intake.live([quote(T0 + 2), quote(T0 + 4)], INGEST)
    assert bench.came_out() == [("rest", 2), ("ws", 4)]
    assert bench.metrics.dropped == {Channel.QUOTES: 1}


def test_events_after_the_end_of_the_overlap_are_not_matched(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.overlap([], T0 + 2)
    bench.intake.repair([quote(T0 + 2)], INGEST)
    bench.intake.release()
    bench.intake.live([quote(T0 + 2)], INGEST)
    assert bench.came_out() == [("rest", 2), ("ws", 2)]


def test_the_overlap_ends_a_while_after_the_release(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torghut.forwarder.intake.time.monotonic", lambda: 100.0)
    bench.intake.hold()
    bench.intake.overlap([], T0 + 10)
    bench.intake.repair([quote(T0 + 2)], INGEST)
    bench.intake.release()
    monkeypatch.setattr("torghut.forwarder.intake.time.monotonic", lambda: 100.1 + OVERLAP_S)
    bench.intake.live([quote(T0 + 2)], INGEST)
    assert bench.came_out() == [("rest", 2), ("ws", 2)]


def test_a_trade_from_before_the_window_that_is_in_kafka_is_not_repaired_again(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.overlap(keys(numbered(1)), T0 + 10)
    assert bench.intake.repair(numbered(1, 2), INGEST) == 1


def test_a_repaired_trade_that_is_sent_again_long_after_is_dropped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torghut.forwarder.intake.time.monotonic", lambda: 100.0)
    bench.intake.hold()
    bench.intake.overlap([], T0 + 10)
    bench.intake.repair(numbered(1), INGEST)
    bench.intake.release()
    monkeypatch.setattr("torghut.forwarder.intake.time.monotonic", lambda: 101.0 + OVERLAP_S)
    bench.intake.live(numbered(1), INGEST)
    assert bench.came_out() == [("rest", 1)]


def test_changes_from_history_come_out_once(bench: Bench) -> None:
    assert bench.intake.change(numbered(1, 2), INGEST) == 2
    assert bench.intake.change(numbered(1, 2), INGEST) == 0
    assert [envelope.source for envelope in bench.out] == ["rest", "rest"]


def test_coverage_is_the_newest_event_and_the_last_arrival(bench: Bench) -> None:
    bench.intake.live(numbered(5, 3), INGEST)
    assert bench.intake.seen == {Channel.TRADES: Seen(T0 + 5, INGEST)}


def test_what_is_held_covers_nothing_until_it_is_released(bench: Bench) -> None:
    bench.intake.hold()
    bench.intake.live(numbered(1), INGEST)
    assert bench.intake.seen == {}
    bench.intake.release()
    assert bench.intake.seen == {Channel.TRADES: Seen(T0 + 1, INGEST)}


def test_history_covers_every_channel_and_never_takes_coverage_back(bench: Bench) -> None:
    bench.intake.seen = {Channel.TRADES: Seen(T0 + 1, 1), Channel.QUOTES: Seen(T0 + 9, 1)}
    bench.intake.covered(T0 + 5, INGEST)
    assert bench.intake.seen == {Channel.TRADES: Seen(T0 + 5, INGEST), Channel.QUOTES: Seen(T0 + 9, INGEST)}


def test_the_lag_is_that_of_the_newest_message_of_the_channel(bench: Bench) -> None:
    bench.intake.live([trade(1, INGEST - 250_000_000), trade(2, INGEST - 1_500_000)], INGEST)
    assert bench.metrics.lag_ms == {Channel.TRADES: 1.5}


def test_every_symbol_that_came_is_known(bench: Bench) -> None:
    bench.intake.remember(trade(1, symbol="MSFT"))
    bench.intake.live([trade(1)], INGEST)
    assert bench.intake.symbols == {"AAPL", "MSFT"}
