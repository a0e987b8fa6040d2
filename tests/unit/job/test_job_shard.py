from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.job.logs import Runner, Store, cancel, correction, quote, trade

from torghut.job.clock import Bounds
from torghut.job.progress import load_progress
from torghut.job.shard import Rules
from torghut.ta.errors import StateVersionError

FINALS = ("torghut.ta.bars.1s.v1", "torghut.ta.signals.v1")
AFTER = [trade("Z", 5.0, 1.0, number=900)]
"""A print that lets the watermark (2 s) pass the first seconds."""


def closing(*trades: str) -> Runner:
    """A runner over these trades and one that closes their seconds."""
    return Runner([*trades, *AFTER], [quote("Z", 5.0, 1.0)])


def test_a_second_is_closed_when_the_watermarks_of_both_topics_passed_its_end() -> None:
    runner = closing(trade("A", 0.1, 10.0))
    assert runner.at(5).take_trades(0, 2).bars() == []
    assert [bar[:3] for bar in runner.take_quotes(0, 1).bars()] == [("A", 0, 0)]


def test_open_and_close_follow_event_time_not_arrival() -> None:
    runner = closing(trade("A", 0.9, 3.0, number=1), trade("A", 0.1, 1.0, number=2), trade("A", 0.5, 2.0, number=3))
    bar = runner.at(5).take_all().bars()[0][3]
    assert (bar["o"], bar["c"], bar["n"], bar["v"]) == (1.0, 3.0, 3, 300)


def test_an_idle_topic_is_not_waited_for() -> None:
    runner = Runner([trade("A", 0.1, 10.0), *AFTER])
    runner.at(29).take_trades(0, 2)
    assert runner.bars() == []
    assert [bar[:3] for bar in runner.at(31).tick().bars()] == [("A", 0, 0)]


def test_silence_closes_what_was_seen_and_a_repair_after_it_is_not_late() -> None:
    runner = Runner([trade("A", 0.1, 10.0), trade("A", 1.2, 11.0, number=2), trade("A", 9.0, 12.0, number=3)])
    runner.at(1).take_trades(0, 1)
    assert [bar[:3] for bar in runner.at(40).tick().bars()] == [("A", 0, 0)]
    runner.at(100).take_trades(1, 3).at(200).tick()
    assert [bar[:3] for bar in runner.bars()] == [("A", 0, 0), ("A", 1, 0), ("A", 9, 0)]


def test_a_topic_that_holds_what_was_not_read_is_waited_for_however_long_that_takes() -> None:
    runner = Runner([trade("A", 0.1, 10.0), *AFTER], [quote("A", 0.05, 9.0), quote("Z", 5.0, 1.0)])
    runner.unread = (0, 2)
    runner.at(29).take_trades(0, 2).at(100).tick()
    assert runner.bars() == []
    runner.unread = (0, 1)
    runner.take_quotes(0, 1).at(200).tick().take_quotes(1, 2)
    assert [r["payload"]["quote"]["bid"] for r in runner.records(FINALS[1])] == [9.0]


def test_a_kafka_that_does_not_answer_is_no_silence() -> None:
    runner = Runner([trade("A", 0.1, 10.0)]).at(1).take_trades(0, 1)
    runner.unread = None
    assert runner.at(60).tick().bars() == []
    runner.unread = (0, 0)
    assert len(runner.at(66).tick().bars()) == 1


def test_after_an_outage_the_first_topic_to_come_back_does_not_go_ahead_of_the_other() -> None:
    log = [trade("A", 0.1, 10.0), trade("A", 60.2, 11.0, number=2), trade("Z", 65.0, 1.0, number=3)]
    runner = Runner(log, [quote("A", 60.1, 9.0), quote("Z", 65.0, 1.0)]).at(1).take_trades(0, 1)
    runner.at(40).tick().at(65).take_trades(1, 3)  # silent when it was last asked, and long enough ago to ask again
    assert [bar[1] for bar in runner.bars()] == [0]
    runner.take_quotes(0, 2)
    assert [r["payload"]["quote"]["bid"] for r in runner.records(FINALS[1])][1:] == [9.0]


def test_after_a_silence_of_all_topics_those_that_come_back_later_are_waited_for() -> None:
    trades = [trade("A", 0.1, 10.0), trade("A", 90.0, 11.0, number=2)]
    runner = Runner(trades, [quote("A", 0, 9.0), quote("A", 200, 9.0)])
    runner.at(1).take_trades(0, 1).take_quotes(0, 1).at(100).tick()
    runner.at(210).tick().take_quotes(1, 2).at(211).tick().take_trades(1, 2).at(300).tick()
    assert [bar[:3] for bar in runner.bars()] == [("A", 0, 0), ("A", 90, 0)]
    assert runner.dead() == []


def test_what_kafka_said_before_the_silence_says_nothing_of_it() -> None:
    trades = [trade("A", 0.1, 10.0), trade("A", 3.5, 10.0, number=2), trade("A", 90.0, 11.0, number=3)]
    runner = Runner(trades, [quote("A", at, 9.0) for at in (0, 4, 200, 201)], Rules(bounds=Bounds(idle_ms=1000)))
    runner.at(1).take_trades(0, 1).take_quotes(0, 1).at(3).tick()
    runner.at(4).take_quotes(1, 2).take_trades(1, 2).at(4.9).take_quotes(2, 3).at(5.2).take_quotes(3, 4)
    runner.take_trades(2, 3)
    assert runner.dead() == []


def test_a_late_print_revises_its_bar_and_the_signals_after_it() -> None:
    log = [trade("A", 0.1, 10.0), trade("A", 1.1, 12.0, number=2), *AFTER, trade("A", 0.2, 13.0, number=3)]
    runner = Runner(log, [quote("Z", 5.0, 1.0)]).at(5).take_quotes(0, 1).take_trades(0, 3).take_trades(3, 4)
    assert [bar[:3] for bar in runner.bars()] == [("A", 0, 0), ("A", 1, 0), ("A", 0, 1), ("A", 1, 1)]
    assert runner.bars()[2][3]["c"] == 13.0


def test_a_bar_whose_prints_all_came_late_starts_at_revision_0() -> None:
    log = [trade("A", 1.1, 10.0), *AFTER, trade("B", 0.2, 11.0, number=3)]
    runner = Runner(log, [quote("Z", 5.0, 1.0)]).at(5).take_quotes(0, 1).take_trades(0, 2).take_trades(2, 3)
    assert runner.bars()[-1][:3] == ("B", 0, 0)


def test_a_print_beyond_the_revision_time_is_dead_lettered() -> None:
    log = [trade("A", 100.0, 10.0), trade("Z", 103.5, 1.0, number=2), trade("A", 39.0, 9.0, number=3)]
    runner = Runner(log, [quote("Z", 105.0, 1.0)]).at(105).take_quotes(0, 1).take_trades(0, 2).take_trades(2, 3)
    assert runner.dead() == ["too_late"]
    assert [bar[:2] for bar in runner.bars()] == [("A", 100)]


def test_a_cancel_takes_its_print_out_of_a_closed_bar() -> None:
    log = [trade("A", 0.1, 10.0), trade("A", 0.2, 99.0, number=2), *AFTER, cancel("A", 5.1, 2)]
    runner = Runner(log, [quote("Z", 5.0, 1.0)]).at(5).take_quotes(0, 1).take_trades(0, 3).take_trades(3, 4)
    assert [(bar[2], bar[3]["h"], bar[3]["n"]) for bar in runner.bars()] == [(0, 99.0, 2), (1, 10.0, 1)]


def test_a_cancel_of_the_only_print_gives_a_revision_without_prices() -> None:
    log = [trade("A", 0.1, 10.0), *AFTER, cancel("A", 5.1, 1)]
    runner = Runner(log, [quote("Z", 5.0, 1.0)]).at(5).take_quotes(0, 1).take_trades(0, 2).take_trades(2, 3)
    assert [(bar[2], bar[3]["c"], bar[3]["n"]) for bar in runner.bars()] == [(0, 10.0, 1), (1, None, 0)]


def test_a_cancel_in_an_open_second_leaves_no_trace() -> None:
    runner = closing(trade("A", 0.1, 10.0), trade("A", 0.2, 99.0, number=2), cancel("A", 0.3, 2))
    assert [(bar[2], bar[3]["h"]) for bar in runner.at(5).take_all().bars()] == [(0, 10.0)]


def test_a_correction_replaces_the_print_in_its_second() -> None:
    log = [trade("A", 0.1, 10.0), *AFTER, correction("A", 5.1, 1, 11.0, 5), cancel("A", 5.2, 2)]
    runner = Runner(log, [quote("Z", 5.0, 1.0)]).at(5).take_quotes(0, 1).take_trades(0, 2).take_trades(2, 3)
    assert [(bar[2], bar[3]["c"], bar[3]["v"]) for bar in runner.bars()] == [(0, 10.0, 100), (1, 11.0, 5)]
    assert runner.take_trades(3, 4).bars()[-1][3]["n"] == 0


def test_a_cancel_of_an_unknown_trade_is_dead_lettered() -> None:
    assert closing(cancel("A", 0.3, 7)).at(5).take_all().dead() == ["unknown_trade"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not_a_record"),
        ("", "not_a_record"),
        (trade("A", 0.1, -1.0), "bad_number"),
        (trade("A", 0.1, 0), "bad_number"),
        (trade("A", 0.1, 1e300), "bad_number"),
        (trade("A", 0.1, 1.0, size=-5), "bad_number"),
        (trade("A", 0.1, 1.0).replace('"sip"', '"nyse"').replace('"z": "A"', '"z": "A", "c": ["I"]'), "unknown_feed"),
        (trade("A", 0.1, 1.0).replace('"event_ts": 17', '"event_ts": 97'), "bad_time"),
    ],
)
def test_a_hostile_record_is_dead_lettered_and_the_others_of_its_batch_count(line: str, reason: str) -> None:
    runner = closing(trade("A", 0.1, 10.0), line, trade("A", 0.2, 11.0, number=2)).at(5).take_all()
    assert runner.dead() == [reason]
    assert [bar[3]["n"] for bar in runner.bars()] == [2]


def test_the_signal_has_the_last_quote_by_event_time_before_the_window_ends() -> None:
    quotes = [quote("A", 0.5, 2.0), quote("A", 0.4, 1.0), quote("A", 1.0, 3.0), quote("Z", 5.0, 1.0)]
    runner = Runner([trade("A", 0.1, 10.0), *AFTER], quotes).at(5).take_all()
    assert [r["payload"]["quote"]["bid"] for r in runner.records("torghut.ta.signals.v1")] == [2.0]


def test_a_quote_later_than_the_bound_is_not_seen_by_windows_that_its_topic_had_passed() -> None:
    log = [trade("A", 1.1, 10.0), trade("A", 4.1, 11.0, number=2), trade("Z", 9.0, 1.0, number=3)]
    quotes = [quote("A", 1.0, 1.0), quote("Z", 5.0, 1.0), quote("A", 1.5, 2.0), quote("Z", 9.0, 1.0)]
    for run in (
        Runner(log, quotes).at(9).take_quotes(0, 4).take_trades(0, 3),
        Runner(log, quotes).at(9).take_trades(0, 3).take_quotes(0, 2).take_quotes(2, 4),
    ):
        bids = [r["payload"]["quote"]["bid"] for r in run.records("torghut.ta.signals.v1")]
        assert bids == [1.0, 2.0]


def test_a_provisional_record_follows_every_batch_of_fresh_trades() -> None:
    runner = (
        Runner([trade("A", 0.1, 10.0), trade("A", 0.2, 11.0, number=2)]).at(0.2).take_trades(0, 1).take_trades(1, 2)
    )
    records = runner.records("torghut.ta.provisional.v1")
    assert [(r["channel"], r["is_final"], r["payload"].get("n")) for r in records] == [
        ("ta.bars", False, 1),
        ("ta.signals", False, None),
        ("ta.bars", False, 2),
        ("ta.signals", False, None),
    ]


def test_nobody_gets_provisional_records_of_old_trades() -> None:
    assert Runner([trade("A", 0.1, 10.0)]).at(10).take_all().records("torghut.ta.provisional.v1") == []


def test_state_of_another_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(StateVersionError, match="submit the tag that wrote it"):
        load_progress(b"\x92\x63\x90")


SYMBOLS = ("A", "B")
PRINTS = st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 60), st.integers(1, 400), st.integers(1, 9))


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Trades up to 1.9 s out of order (within the bound), some cancelled or corrected; quotes likewise."""
    trades, quotes, at = [], [], 0.0
    for number, (symbol, step, price, size) in enumerate(draw(st.lists(PRINTS, min_size=1, max_size=40))):
        at += step / 20
        back = draw(st.integers(0, 190)) / 100
        trades.append(trade(symbol, max(0.0, at - back), price / 4, size, 10 * number))
        change = draw(st.integers(0, 9))
        if change == 0:
            trades.append(cancel(symbol, at, 10 * draw(st.integers(0, number))))
        elif change == 1:
            trades.append(correction(symbol, at, 10 * draw(st.integers(0, number)), price / 8))
        quotes.append(quote(symbol, max(0.0, at - draw(st.integers(0, 400)) / 100), price / 4, number=number))
    end = at + 200
    return [*trades, trade("Z", end, 1.0, number=1)], [*quotes, quote("Z", end, 1.0)]


def cuts(draw: st.DrawFn, length: int) -> list[int]:
    return sorted({0, length, *draw(st.lists(st.integers(0, length), max_size=8))})


@st.composite
def runs(draw: st.DrawFn) -> tuple[Runner, Runner]:
    """The same logs taken in at once, and in some other batches, order of topics, and with restarts."""
    trades, quotes = draw(logs())
    plain, other = (Runner(trades, quotes, now_s=1000) for _ in range(2))
    plain.take_all()
    steps = [(Runner.take_trades, cuts(draw, len(trades))), (Runner.take_quotes, cuts(draw, len(quotes)))]
    while any(len(ends) > 1 for _, ends in steps):
        take, ends = draw(st.sampled_from([step for step in steps if len(step[1]) > 1]))
        take(other, ends.pop(0), ends[0])
        if draw(st.booleans()):
            other.restart()
    return plain, other


@settings(max_examples=60, deadline=None)
@given(runs())
def test_the_latest_revisions_do_not_depend_on_batches_order_of_topics_or_restarts(runs: tuple[Runner, Runner]) -> None:
    plain, other = runs
    assert other.latest() == plain.latest()


def without_changes(log: list[str]) -> list[str]:
    return [line for line in log if '"trades"' in line]


@settings(max_examples=40, deadline=None)
@given(logs(), st.data())
def test_within_the_bound_all_finals_are_byte_identical_and_written_once(
    log: tuple[list[str], list[str]], data: st.DataObject
) -> None:
    trades, quotes = without_changes(log[0]), log[1]
    plain = Runner(trades, quotes, now_s=1000).take_all()
    other = Runner(trades, quotes, now_s=1000)
    cut, quote_cut = (data.draw(st.integers(0, len(part))) for part in (trades, quotes))
    other.take_trades(0, cut).take_quotes(0, quote_cut).restart().take_quotes(quote_cut, len(quotes))
    other.take_trades(cut, len(trades))
    assert sorted(other.finals()) == sorted(plain.finals())


@settings(max_examples=60, deadline=None)
@given(logs(), st.data())
def test_going_back_to_an_older_state_writes_nothing_twice(
    log: tuple[list[str], list[str]], data: st.DataObject
) -> None:
    trades, quotes = log
    cut, quote_cut = (data.draw(st.integers(0, len(part))) for part in (trades, quotes))
    runner = Runner(trades, quotes, now_s=1000).take_trades(0, cut).take_quotes(0, quote_cut)
    older = runner.savepoint()
    runner.take_quotes(quote_cut, len(quotes)).take_trades(cut, len(trades))
    before = list(runner.finals())
    runner.restart(older).take_quotes(quote_cut, len(quotes)).take_trades(cut, len(trades))
    assert runner.finals() == before


@settings(max_examples=60, deadline=None)
@given(logs(), st.data())
def test_what_a_lost_transaction_held_is_written_after_the_restore(
    log: tuple[list[str], list[str]], data: st.DataObject
) -> None:
    trades, quotes = log[0][:-1], log[1][:-1]  # without the end, which closes seconds beyond the revision time
    runner = Runner(trades, quotes, now_s=1000).take_all()
    before = runner.latest()
    lost = data.draw(st.integers(0, len(runner.finals()) // 2)) * 2
    runner.restart(lost=lost)
    assert runner.latest() == before
    revisions = defaultdict(list)
    for symbol, second, revision, _ in runner.bars():
        revisions[symbol, second].append(revision)
    assert all(sorted(numbers) == list(range(len(numbers))) for numbers in revisions.values())


def test_a_revised_bar_that_was_lost_with_all_its_revisions_starts_anew_at_0() -> None:
    log = [trade("A", 0.1, 10.0), *AFTER, trade("A", 0.2, 13.0, number=3), trade("A", 0.3, 14.0, number=4)]
    runner = Runner(log, [quote("Z", 5.0, 1.0)]).at(5).take_quotes(0, 1).take_trades(0, 2).take_trades(2, 3)
    assert [bar[:3] for bar in runner.bars()] == [("A", 0, 0), ("A", 0, 1)]
    runner.restart(lost=4)
    assert [(bar[2], bar[3]["c"]) for bar in runner.bars()] == [(0, 13.0)]
    runner.take_trades(3, 4)
    assert [(bar[2], bar[3]["c"]) for bar in runner.bars()] == [(0, 13.0), (1, 14.0)]


def test_a_bar_and_its_signal_keep_the_same_revisions_when_other_code_starts_anew() -> None:
    log = [trade("A", 0.1, 10.0), *AFTER, trade("A", 0.2, 13.0, number=3), cancel("A", 5.1, 3)]
    runner = Runner(log, [quote("Z", 5.0, 1.0)]).at(5).take_quotes(0, 1).take_trades(0, 2).take_trades(2, 3)
    runner.quotes = [quote("A", 0.1, 2.0), *runner.quotes]  # as if other code saw what the first had not
    runner.restart(Store()).take_quotes(0, 2).take_trades(0, 2).take_trades(2, 3).take_trades(3, 4)
    numbers = [[r["revision"] for r in runner.records(topic)] for topic in FINALS]
    assert numbers == [[0, 1, 2, 3, 4]] * 2
    assert [bar[3]["n"] for bar in runner.bars()] == [1, 2, 1, 2, 1]


def test_the_bound_and_the_revision_time_are_settings() -> None:
    rules = Rules(bounds=Bounds(watermark_ms=0), revision_s=0)
    log = [trade("A", 0.1, 1.0), trade("A", 1.0, 1.0, number=2), trade("A", 0.2, 1.0, number=3)]
    runner = Runner(log, [quote("A", 1.0, 1.0)], rules).at(1).take_quotes(0, 1).take_trades(0, 2).take_trades(2, 3)
    assert [bar[:3] for bar in runner.bars()] == [("A", 0, 0), ("A", 0, 1)]
