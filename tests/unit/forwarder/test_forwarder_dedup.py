"""The dedup window forgets nothing too early, holds no more than it may, and counts what it had to let go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.forwarder.events import quote, trade

from torghut.feed.messages import Message
from torghut.forwarder.dedup import GENERATIONS, DedupWindow
from torghut.wire.topics import Channel

WINDOW_S = 8.0


def event(number: int, symbol: str = "A", channel: Channel = Channel.TRADES) -> Message:
    return Message(channel, symbol, 0, b"{}", number)


def test_the_first_of_an_identity_is_new() -> None:
    assert DedupWindow(WINDOW_S).add(trade(1), 0.0)


def test_the_second_of_an_identity_is_not() -> None:
    window = DedupWindow(WINDOW_S)
    window.add(trade(1), 0.0)
    assert not window.add(trade(1), 0.1)


def test_the_same_id_of_another_symbol_is_another_trade() -> None:
    window = DedupWindow(WINDOW_S)
    window.add(trade(1, symbol="A"), 0.0)
    assert window.add(trade(1, symbol="B"), 0.0)


def test_the_same_number_on_another_channel_is_another_event() -> None:
    window = DedupWindow(WINDOW_S)
    window.add(event(1), 0.0)
    assert window.add(event(1, channel=Channel.BARS), 0.0)


def test_the_same_id_at_another_price_is_another_trade() -> None:
    window = DedupWindow(WINDOW_S)
    window.add(trade(1), 0.0)
    assert window.add(trade(1, p=100.26), 0.0)


def test_messages_without_an_identity_always_pass() -> None:
    window = DedupWindow(WINDOW_S)
    assert [window.add(quote(), 0.0) for _ in range(3)] == [True] * 3
    assert len(window) == 0


def test_an_identity_is_known_to_the_end_of_the_window_however_busy_it_is() -> None:
    window = DedupWindow(WINDOW_S)
    window.add(event(0), 1.0)
    for step in range(1, 800):
        window.add(event(step), 1.0 + step * WINDOW_S / 800)
    assert not window.add(event(0), 1.0 + WINDOW_S)


def test_an_identity_is_forgotten_after_the_window_and_a_little_more() -> None:
    window = DedupWindow(WINDOW_S)
    window.add(event(0), 1.0)
    for step in range(1, 1000):
        window.add(event(step), 1.0 + step * 0.02)
    assert window.add(event(0), 1.0 + 1.5 * WINDOW_S + 10)
    assert window.evicted == 0


def test_more_than_the_capacity_is_never_held() -> None:
    window = DedupWindow(WINDOW_S, capacity=100)
    for number in range(1000):
        window.add(event(number), 0.0)
        assert len(window) <= 100


def test_what_goes_early_is_counted() -> None:
    window = DedupWindow(WINDOW_S, capacity=100)
    for number in range(1000):
        window.add(event(number), 0.0)
    assert window.evicted == 1000 - len(window)


def test_what_goes_early_is_counted_also_when_a_quiet_moment_lets_it_go() -> None:
    window = DedupWindow(WINDOW_S, capacity=100)
    for number in range(100):
        window.add(event(number), 0.0)  # all generations are full at once
    window.add(event(100), WINDOW_S / GENERATIONS)
    assert window.evicted == 20


def test_the_newest_survive_when_there_are_too_many() -> None:
    window = DedupWindow(WINDOW_S, capacity=100)
    for number in range(1000):
        window.add(event(number), 0.0)
    assert not any(window.add(event(number), 0.0) for number in range(1000 - 80, 1000))


arrivals = st.lists(st.tuples(st.integers(0, 12), st.floats(0, WINDOW_S / 2)), max_size=60)


@given(arrivals)
def test_within_the_window_no_identity_is_accepted_twice_and_nothing_new_is_dropped(
    steps: list[tuple[int, float]],
) -> None:
    window, now = DedupWindow(WINDOW_S), 5.0
    accepted: dict[int, float] = {}
    for number, pause in steps:
        now += pause
        known_for = now - accepted.get(number, float("-inf"))
        new = window.add(event(number), now)
        if number not in accepted:
            assert new
        elif known_for <= WINDOW_S:
            assert not new
        if new:
            accepted[number] = now


@given(arrivals, st.integers(5, 40))
def test_what_is_accepted_twice_too_early_was_counted_as_evicted(steps: list[tuple[int, float]], capacity: int) -> None:
    window, now = DedupWindow(WINDOW_S, capacity), 5.0
    accepted: dict[int, float] = {}
    early = 0
    for number, pause in steps:
        now += pause
        if window.add(event(number), now):
            early += now - accepted.get(number, float("-inf")) < WINDOW_S
            accepted[number] = now
        assert len(window) <= capacity
    assert early <= window.evicted
