"""What had to arrive, and what nobody could have delivered."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.audit.world import ALL, T0, S, World, cancel, correction, luld, quote, status, trade

from torghut.audit.coverage import LedgerCoverage

ONE = {"trades": ["AAPL"]}


def covered(coverage: LedgerCoverage, second: int, symbol: str = "AAPL", channel: str = "trades") -> bool:
    return coverage.covers("sip", channel, symbol, T0 + second * S)


def acknowledge(coverage: LedgerCoverage, second: int, *symbols: str, conn: int = 1, account: int = 0) -> None:
    coverage.acknowledged(T0 + second * S, conn, account, "sip", {"trades": symbols})


def test_nothing_is_covered_before_the_first_acknowledgement() -> None:
    coverage = LedgerCoverage()
    acknowledge(coverage, 10, "AAPL")
    assert [covered(coverage, second) for second in (9, 10, 11)] == [False, True, True]


def test_a_later_acknowledgement_without_a_symbol_ends_its_coverage() -> None:
    coverage = LedgerCoverage()
    acknowledge(coverage, 0, "AAPL", "MSFT")
    acknowledge(coverage, 10, "MSFT")
    assert [covered(coverage, second) for second in (9, 10)] == [True, False]
    assert covered(coverage, 10, "MSFT")


def test_a_closed_connection_does_not_end_coverage() -> None:
    coverage = LedgerCoverage()
    acknowledge(coverage, 0, "AAPL")
    coverage.closed(T0 + 5 * S, 1)
    coverage.restarted(T0 + 6 * S)
    assert covered(coverage, 1000)


def test_a_new_connection_that_never_asks_for_a_symbol_ends_its_coverage() -> None:
    coverage = LedgerCoverage()
    acknowledge(coverage, 0, "AAPL", "MSFT")
    acknowledge(coverage, 20, "MSFT", conn=2)
    assert [covered(coverage, second) for second in (19, 21)] == [True, False]


def test_a_new_connection_that_asks_step_by_step_leaves_no_hole() -> None:
    coverage = LedgerCoverage()
    acknowledge(coverage, 0, "AAPL", "MSFT")
    acknowledge(coverage, 20, "MSFT", conn=2)
    acknowledge(coverage, 22, "MSFT", "AAPL", conn=2)
    assert covered(coverage, 21)


def test_unsubscribing_and_subscribing_again_on_one_connection_leaves_a_hole() -> None:
    coverage = LedgerCoverage()
    acknowledge(coverage, 0, "AAPL")
    acknowledge(coverage, 20)
    acknowledge(coverage, 22, "AAPL")
    assert [covered(coverage, second) for second in (19, 21, 22)] == [True, False, True]


def test_an_acknowledgement_of_another_account_ends_nothing() -> None:
    coverage = LedgerCoverage()
    acknowledge(coverage, 0, "AAPL")
    acknowledge(coverage, 1, "MSFT", conn=2, account=1)
    assert covered(coverage, 2)


def test_a_star_covers_every_symbol_of_its_channel_and_feed() -> None:
    coverage = LedgerCoverage()
    acknowledge(coverage, 0, "*")
    assert covered(coverage, 0, "ANY")
    assert not covered(coverage, 0, "ANY", "quotes")
    assert not coverage.covers("iex", "trades", "ANY", T0)


def test_corrections_and_cancels_are_covered_with_trades() -> None:
    world = World(subscribed=False)
    world.acknowledge(T0, ONE)
    for message in (correction(1, T0 + S), cancel(1, T0 + S)):
        world.happen(message)
    report = world.report()
    assert (report.channels["corrections"].lost, report.channels["cancel_errors"].lost) == (1, 1)


def test_an_uncovered_event_is_neither_sent_nor_unexpected_when_it_arrives() -> None:
    world = World(subscribed=False)
    world.acknowledge(T0, ONE)
    world.both(trade(1, T0 - S))
    world.happen(trade(2, T0 - S))
    report = world.report()
    assert (report.verdict, report.channels["trades"].sent) == ("ok", 0)


def test_an_uncovered_event_recorded_twice_is_a_duplicate() -> None:
    world = World(subscribed=False)
    world.both(trade(1, T0))
    world.record(trade(1, T0))
    assert world.counts().duplicated == 1


def test_of_identical_quotes_at_the_edge_only_the_covered_ones_are_asked_for() -> None:
    world = World(subscribed=False)
    world.happen(quote(T0), T0 - 1)
    world.acknowledge(T0)
    world.happen(quote(T0), T0 + 1)
    world.record(quote(T0))
    counts = world.counts("quotes")
    assert (counts.sent, counts.received, counts.lost, counts.duplicated) == (1, 1, 0, 0)


@given(edges=st.lists(st.integers(0, 1000), min_size=1, max_size=8, unique=True))
def test_coverage_is_what_the_acknowledgements_in_turn_say(edges: list[int]) -> None:
    coverage, edges = LedgerCoverage(), sorted(edges)
    for number, edge in enumerate(edges):
        acknowledge(coverage, edge, *(["AAPL"] if number % 2 == 0 else []))
    wanted = [number % 2 == 0 for number in range(len(edges))]
    for (start, end), is_wanted in zip(pairwise([*edges, 2000]), wanted, strict=True):
        assert covered(coverage, start) == covered(coverage, end - 1) == is_wanted
    assert not covered(coverage, edges[0] - 1)


def test_halts_and_bands_missed_while_nobody_was_connected_are_gaps() -> None:
    world = World()
    world.note("close", T0, conn=1)
    world.happen(status(T0 + 10 * S))
    world.happen(luld(T0 + 10 * S))
    world.acknowledge(T0 + 20 * S, conn=2)
    report = world.report()
    for channel in ("statuses", "lulds"):
        assert (report.channels[channel].gap, report.channels[channel].lost) == (1, 0)
    assert report.verdict == "ok"


@pytest.mark.parametrize(("then", "gap"), [("two-8", 1), ("one-8", 0)])
def test_a_halt_that_a_hanging_instance_did_not_read_is_a_gap_once_another_took_over(then: str, gap: int) -> None:
    world = World()
    world.record(world.happen(trade(1, T0)), session="one-7")
    world.happen(status(T0 + 10 * S))
    world.record(world.happen(trade(2, T0 + 20 * S)), session=then)
    counts = world.counts("statuses")
    assert (counts.gap, counts.lost) == (gap, 1 - gap)


def test_a_halt_missed_on_a_healthy_connection_is_lost() -> None:
    world = World()
    world.happen(status(T0 + 10 * S))
    world.acknowledge(T0 + 20 * S, conn=2)
    counts = world.counts("statuses")
    assert (counts.gap, counts.lost) == (0, 1)


@pytest.mark.parametrize(("second", "gap"), [(7, 0), (9, 1), (21, 1), (23, 0)])
def test_a_halt_near_the_edge_of_a_connection_is_a_gap(second: int, gap: int) -> None:
    world = World()
    world.happen(status(T0 + second * S))
    world.note("close", T0 + 10 * S, conn=1)
    world.acknowledge(T0 + 20 * S, conn=2)
    assert world.counts("statuses").gap == gap


def test_a_trade_missed_while_nobody_was_connected_is_lost_for_history_has_it() -> None:
    world = World()
    world.note("close", T0, conn=1)
    world.happen(trade(1, T0 + 10 * S))
    assert world.counts().lost == 1


@pytest.mark.parametrize(
    ("name", "off", "second", "gap"),
    [
        ("mute", 20, 15, 1),
        ("mute", 20, 30, 0),
        ("mute", None, 35, 1),
        ("mute", None, 55, 0),
        ("half_open", 20, 35, 1),
        ("half-open", None, 35, 1),
        ("half-open", None, 55, 0),
        ("drop", None, 35, 1),
        ("delay", None, 15, 0),
    ],
)
def test_a_halt_missed_during_a_silencing_fault_is_a_gap(name: str, off: int | None, second: int, gap: int) -> None:
    world = World()
    world.note("fault", T0 + 10 * S, name=name, args={}, on=True)
    if off is not None:
        world.note("fault", T0 + off * S, name=name, args={}, on=False)
    world.note("ack", T0 + 45 * S, conn=2, account=0, feed="sip", state=ALL)
    world.happen(status(T0 + second * S))
    assert world.counts("statuses").gap == gap


def test_events_outside_of_the_window_are_not_asked_for() -> None:
    world = World()
    for second in (0, 10, 20):
        world.happen(trade(second, T0 + second * S))
    report = world.report(start_ns=T0 + 5 * S, end_ns=T0 + 20 * S)
    assert (report.channels["trades"].sent, report.channels["trades"].lost) == (1, 1)
    assert (report.window.start_ns, report.window.end_ns) == (T0 + 5 * S, T0 + 20 * S)


def test_a_record_after_the_window_of_an_event_inside_it_counts() -> None:
    world = World()
    world.record(world.happen(trade(1, T0)), delay_ns=600 * S, source="rest")
    assert world.counts(end_ns=T0 + S).repaired == 1


def test_a_record_of_an_event_after_the_window_is_not_unexpected() -> None:
    world = World()
    world.both(trade(1, T0 + 2 * S))
    assert world.report(end_ns=T0 + S).verdict == "ok"


def test_an_unknown_record_from_before_the_window_is_none_of_its_business() -> None:
    world = World()
    world.record(trade(1, T0))
    assert world.report(start_ns=T0 + S).verdict == "ok"
    assert world.report(start_ns=T0).verdict == "bad"


def test_no_connection_outlives_a_restart_of_the_simulator() -> None:
    world = World()
    world.happen(trade(1, T0))
    world.note("start", T0 + 10 * S, source="synthetic", feeds=["sip"], seed=1)
    world.happen(status(T0 + 20 * S))
    assert world.counts("statuses").gap == 1
