"""Faults of the feed under a steady load: nothing is lost, nothing doubled, and each fault is called by its name."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import json
from tests.integration.pipelines import RATE, Pipeline, now, pipeline_of

from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire import topics
from torghut.wire.status import Reason
from torghut.wire.times import format_rfc3339

pytestmark = pytest.mark.timeout(300, method="signal")


@pytest.fixture(scope="module")
def shared(broker: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline_of(broker, tmp_path_factory.mktemp("feed")) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(shared: Pipeline) -> Iterator[Pipeline]:
    """The module's pipeline, free of faults and forwarders again after the test."""
    yield shared
    shared.end_forwarders()
    for name in shared.sim.control.state().faults:
        shared.sim.control.clear(name)


def test_a_dropped_connection_is_repaired(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    with forwarder.witness() as witness:
        for how in ("reset", "close"):
            pipeline.flow()
            pipeline.sim.control.drop(how)
            forwarder.wait_reason(Reason.ALPACA_UNREACHABLE, Reason.REPAIRING)
            forwarder.wait_ready()
    pipeline.flow()
    assert witness.reasons >= {Reason.REPAIRING, Reason.OK}
    report = pipeline.prove(since)
    assert report.channels["trades"].repaired
    assert report.channels["quotes"].repaired
    pipeline.wait_status(since, Reason.OK, Reason.ALPACA_UNREACHABLE, Reason.REPAIRING, Reason.OK)


def test_a_half_open_connection_is_noticed_by_its_missing_pong(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running(STALE_AFTER_S="60")
    pipeline.flow()
    pipeline.sim.control.half_open()
    pipeline.wait_status(since, Reason.OK, Reason.ALPACA_UNREACHABLE, deadline_s=20)  # it reconnects in a moment
    forwarder.wait_ready()
    pipeline.flow()
    assert pipeline.prove(since).channels["trades"].repaired
    pipeline.wait_status(since, Reason.OK, Reason.ALPACA_UNREACHABLE, Reason.OK)


def test_a_mute_connection_is_left_and_what_it_kept_back_is_repaired(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running(STALE_AFTER_S="2")
    pipeline.flow(2 * RATE)
    pipeline.sim.control.mute()
    said = forwarder.wait_reason(Reason.STALE_FEED, deadline_s=14)
    assert "no data for" in said.detail
    pipeline.sim.control.unmute()
    forwarder.wait_ready()
    pipeline.flow()
    assert pipeline.prove(since).channels["trades"].repaired
    pipeline.wait_status(since, Reason.OK, Reason.STALE_FEED, Reason.OK)


def test_a_feed_that_stays_mute_after_reconnecting_is_repaired_when_it_speaks_again(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running(STALE_AFTER_S="2")
    pipeline.flow(2 * RATE)
    pipeline.sim.control.mute()
    forwarder.wait_reason(Reason.STALE_FEED, deadline_s=14)
    forwarder.wait_ready()  # the new connection is as mute as the old one
    pipeline.flow()
    pipeline.sim.control.unmute()
    pipeline.flow(2 * RATE)
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)


def test_a_slow_client_that_is_cut_off_repairs_what_it_missed(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    pipeline.sim.control.slow_client()
    pipeline.wait_status(since, Reason.OK, Reason.ALPACA_SLOW_CLIENT, Reason.OK)
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    assert forwarder.metrics()['torghut_ws_reconnects_total{reason="alpaca_slow_client"}'] == 1


def test_repeated_and_disordered_events_arrive_once(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.sim.control.duplicates(0.3, resend_s=5)
    pipeline.sim.control.out_of_order(300, 0.3)
    pipeline.flow(2 * RATE)
    pipeline.sim.control.drop()  # the new connection begins with five seconds of trades that are known
    pipeline.wait_status(since, Reason.OK, Reason.ALPACA_UNREACHABLE, Reason.OK)
    pipeline.flow(2 * RATE)
    pipeline.prove(since)
    assert forwarder.metrics()['torghut_dedup_dropped_total{channel="trades"}'] > RATE / 10


def test_what_cannot_be_understood_becomes_dead_letters_and_the_stream_goes_on(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    before = pipeline.dead_letters()
    pipeline.flow()
    pipeline.sim.control.malformed(count=2)
    pipeline.sim.control.unknown_type(3)
    pipeline.sim.control.unknown_keys(2)
    pipeline.flow()
    wait_until(lambda: sum((pipeline.dead_letters() - before).values()) >= 13, 20, "13 dead letters", 0.5)
    report = pipeline.prove(since)
    assert sum((pipeline.dead_letters() - before).values()) == 2 * 5 + 3
    assert report.injected == {"malformed": 10, "unknown_type": 3}
    assert not any("reconnects" in name for name in forwarder.metrics() if "_total{" in name)
    assert sum(value for name, value in forwarder.metrics().items() if "torghut_rejected_total{" in name) == 13


def test_fragmented_and_oversized_messages_are_read(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    before = pipeline.dead_letters()
    pipeline.sim.control.fragmented(frames=50, pieces=4)
    pipeline.flow()
    pipeline.sim.control.oversized(3_000_000)
    pipeline.flow()
    pipeline.prove(since)
    assert sum((pipeline.dead_letters() - before).values()) == 1
    assert not any("reconnects_total{" in name for name in forwarder.metrics())


@pytest.mark.parametrize("status", [429, 500, 403])
def test_a_history_that_fails_for_a_while_delays_the_repair(pipeline: Pipeline, status: int) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    pipeline.sim.control.history_error(status)
    pipeline.sim.control.drop()
    said = forwarder.wait_reason(Reason.ALPACA_HISTORY)
    assert f"http_{status}" in said.detail
    assert not said.ready
    pipeline.flow()
    pipeline.sim.control.clear("history_error")
    forwarder.wait_ready()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.ALPACA_HISTORY, Reason.OK)


def test_changes_of_trades_in_a_gap_are_derived_from_the_marks_of_history(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    control = pipeline.sim.control
    pipeline.flow()
    control.pause()
    control.refuse(60)
    control.drop()
    forwarder.wait_reason(Reason.ALPACA_UNREACHABLE)
    control.cancel(3)  # of trades that were delivered before
    control.correct(3)
    control.resume()
    pipeline.flow()
    control.cancel(3)  # of trades that nobody heard of either
    control.correct(3)
    control.clear("refuse")
    forwarder.wait_ready()
    pipeline.flow(2 * RATE)
    report = pipeline.prove(since)
    for channel in ("cancel_errors", "corrections"):
        assert report.channels[channel].sent >= 6
        assert report.channels[channel].repaired >= 6


def test_what_nobody_heard_of_before_the_feeds_servers_were_killed_is_repaired(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    forwarder.kill()
    pipeline.flow()
    pipeline.sim.control.cancel(3)
    pipeline.sim.control.correct(3)
    pipeline.sim.stop(signal.SIGKILL)
    pipeline.sim.start()
    pipeline.flow()
    pipeline.running()
    pipeline.flow()
    report = pipeline.prove(since)
    for channel in ("trades", "quotes", "cancel_errors", "corrections"):
        assert report.channels[channel].repaired >= 3


def test_a_halt_in_a_gap_is_a_gap_and_not_a_loss(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    control = pipeline.sim.control
    pipeline.flow()
    control.refuse(60)
    control.drop()
    forwarder.wait_reason(Reason.ALPACA_UNREACHABLE)
    halt = {"T": "s", "S": "MSFT", "sc": "H", "sm": "Trading Halt", "rc": "T12", "rm": "Trading Halted", "z": "C"}
    wait_until(lambda: not control.state().connections, 5, "the connection's end")
    pipeline.flow(3 * RATE)  # so that it is well inside
    control.happen([{**halt, "t": format_rfc3339(now())}])
    pipeline.flow(3 * RATE)
    control.clear("refuse")
    forwarder.wait_ready()
    pipeline.flow(3 * RATE)
    report = pipeline.prove(since)
    assert report.channels["statuses"].gap >= 1
    assert report.channels["statuses"].lost == 0
    assert forwarder.metrics()['torghut_gap_seconds_total{channel="statuses"}'] >= 1


def test_bars_and_their_updates_survive_a_gap(pipeline: Pipeline) -> None:
    """Bars of symbols that are otherwise silent, one for each way in which a gap can meet a bar and its update."""
    since, control = now(), pipeline.sim.control
    before, first_in, both_in, update_after, after = silent = ("BEFORE", "FIRSTIN", "BOTHIN", "UPDATEAFTER", "AFTER")
    forwarder = pipeline.running(SYMBOLS=",".join([*pipeline.symbols, *silent]))
    minute = format_rfc3339(now() // 60_000_000_000 * 60_000_000_000 - 120_000_000_000)

    def bar(kind: str, symbol: str, volume: int) -> dict[str, Any]:
        return {
            "T": kind,
            "S": symbol,
            "o": 1,
            "h": 2,
            "l": 0.5,
            "c": 1.5,
            "v": volume,
            "n": 3,
            "vw": 1.25,
            "t": minute,
        }

    control.happen([bar("b", before, 10), bar("u", before, 11), bar("b", first_in, 20)])
    pipeline.flow()
    control.refuse(60)
    control.drop()
    forwarder.wait_reason(Reason.ALPACA_UNREACHABLE)
    control.happen([bar("u", first_in, 21), bar("b", both_in, 30), bar("u", both_in, 31), bar("b", update_after, 40)])
    control.clear("refuse")
    forwarder.wait_ready()
    control.happen([bar("u", update_after, 41), bar("b", after, 50), bar("u", after, 51)])
    pipeline.flow(4 * RATE)
    pipeline.prove(since)
    published = [
        (envelope.symbol, envelope.channel, json.decode(envelope.payload)["v"], envelope.source)
        for envelope in pipeline.envelopes(topics.BARS_1M)
        if envelope.symbol in silent
    ]
    assert sorted(published) == sorted(
        [
            (before, "bars", 10, "ws"),
            (before, "updated_bars", 11, "ws"),
            (first_in, "bars", 20, "ws"),
            (first_in, "updated_bars", 21, "rest"),
            (both_in, "bars", 31, "rest"),
            (update_after, "bars", 40, "rest"),
            (update_after, "updated_bars", 41, "ws"),
            (after, "bars", 50, "ws"),
            (after, "updated_bars", 51, "ws"),
        ]
    )
