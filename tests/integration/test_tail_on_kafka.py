"""What the topics' tail tells a forwarder that knows nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.integration.deliveries import Bench
from tests.unit.forwarder.events import S, bar, message, quote, trade

from torghut.feed.messages import Message, Reject
from torghut.forwarder.delivery import dead_letter
from torghut.forwarder.tail import Recollection, Seen, Tail
from torghut.stack.running import RunningStack
from torghut.wire.topics import BARS_1M, Channel

NOW = time.time_ns()
LONG_AGO = NOW - 400 * S
REJECT = Reject(b"broken", "invalid_frame", "no JSON", None)


@pytest.fixture
def bench(broker: RunningStack, topic_prefix: str) -> Bench:
    bench = Bench(broker, topic_prefix)
    bench.begin()
    return bench


@pytest.fixture
def tail(bench: Bench) -> Iterator[Tail]:
    with Tail(bench.client, bench.prefix) as tail:
        yield tail


def recalled(tail: Tail, window_s: float = 60.0, limit_s: float = 900.0) -> tuple[Recollection, list[Message]]:
    remembered: list[Message] = []
    return tail.recall(window_s, limit_s, remembered.append), remembered


def times(messages: list[Message]) -> set[int]:
    """Seconds relative to now."""
    return {(m.event_ts - NOW) // S for m in messages}


def test_empty_topics_tell_nothing(tail: Tail) -> None:
    assert recalled(tail) == (Recollection(0, {}), [])


def test_the_greatest_number_of_all_topics_is_found(bench: Bench, tail: Tail) -> None:
    bench.write([quote(NOW)] * 5 + [trade(1, NOW)], NOW)
    sequencer = bench.delivery.sequencer
    assert sequencer is not None
    assert recalled(tail)[0].greatest_seq == sequencer.greatest


def test_events_of_the_window_are_remembered_with_their_identities(bench: Bench, tail: Tail) -> None:
    written = [trade(1, NOW), bar(NOW), quote(NOW)]
    bench.write(written, NOW)
    assert {(m.channel, m.identity) for m in recalled(tail)[1]} == {(m.channel, m.identity) for m in written}


def test_events_from_before_the_window_are_not_remembered(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, NOW - 400 * S)], LONG_AGO)
    bench.write([trade(2, NOW)], NOW)
    assert times(recalled(tail)[1]) == {0}


def test_a_channel_is_covered_up_to_its_newest_live_event(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, NOW + 5), trade(2, NOW + 3)], NOW)
    bench.write([quote(NOW + 7)], NOW + S)
    assert recalled(tail)[0].seen == {
        Channel.TRADES: Seen(NOW + 5, NOW),
        Channel.QUOTES: Seen(NOW + 7, NOW + S),
    }


def test_a_repaired_event_covers_nothing(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, NOW)], NOW)
    bench.write([trade(2, NOW + 50)], NOW + S, "rest")
    assert recalled(tail)[0].seen == {Channel.TRADES: Seen(NOW, NOW)}


def test_where_only_repaired_events_are_it_looks_further_back_for_live_ones(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, LONG_AGO)], LONG_AGO)
    bench.write([trade(2, NOW)], NOW, "rest")
    assert recalled(tail)[0].seen == {Channel.TRADES: Seen(LONG_AGO, LONG_AGO)}


def test_it_looks_no_further_back_than_may_be_repaired(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, LONG_AGO)], LONG_AGO)
    bench.write([trade(2, NOW)], NOW, "rest")
    assert recalled(tail, window_s=60.0, limit_s=60.0)[0].seen == {Channel.TRADES: Seen()}


def test_what_a_session_wrote_is_found_by_its_numbers(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, NOW)], NOW)
    bench.delivery.end()
    second = bench.begin()
    bench.write([trade(2, NOW), quote(NOW)], NOW)
    assert tail.written(second.session, NOW) == {
        (Channel.TRADES, "AAPL", second.first),
        (Channel.QUOTES, "AAPL", second.first),
    }


def test_dead_letters_are_found_by_their_content(bench: Bench, tail: Tail) -> None:
    bench.delivery.reject([REJECT], NOW)
    bench.settle()
    assert tail.written("any", NOW) == {dead_letter(REJECT, NOW)}


def test_what_was_published_is_chosen_by_arrival_and_by_event_time(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, NOW - 300 * S)], LONG_AGO)
    bench.write([trade(2, NOW - 100 * S), quote(NOW - 10 * S), bar(NOW)], NOW)
    assert times(list(tail.published(NOW, NOW - 50 * S))) == {-10, 0}
    assert times(list(tail.published(NOW, 0))) == {-100, -10, 0}
    assert times(list(tail.published(LONG_AGO, 0))) == {-300, -100, -10, 0}


def test_what_was_published_on_one_topic_can_be_asked_for(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, NOW), quote(NOW), bar(NOW), bar(NOW, kind="u", c=3)], NOW)
    assert [m.channel for m in tail.published(NOW, 0, BARS_1M)] == [Channel.BARS, Channel.UPDATED_BARS]


def test_what_was_published_is_as_it_was_received(bench: Bench, tail: Tail) -> None:
    bench.write([trade(1, NOW)], NOW)
    assert list(tail.published(NOW, 0)) == [trade(1, NOW)]


def test_changes_are_corrections_and_cancels_and_nothing_else(bench: Bench, tail: Tail) -> None:
    cancel = message("x", "AAPL", NOW, i=1, x="V", p=1, s=1, a="C", z="C")
    correction = message("c", "AAPL", NOW, x="V", oi=1, op=1, os=1, ci=2, cp=2, cs=2, z="C")
    bench.write([trade(1, NOW), cancel, correction, quote(NOW)], NOW)
    assert list(tail.changes(NOW)) == [cancel, correction]
