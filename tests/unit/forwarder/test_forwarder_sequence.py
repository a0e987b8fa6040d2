"""Sequence numbers rise by one in a session and never fall, whatever the clock does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torghut.forwarder.sequence import Sequencer
from torghut.wire.topics import Channel

STREAMS = [(channel, symbol) for channel in (Channel.TRADES, Channel.QUOTES) for symbol in ("A", "B")]


def number(sequencer: Sequencer, channel: Channel, symbol: str) -> int:
    seq = sequencer.next(channel, symbol)
    sequencer.used(channel, symbol, seq)
    return seq


def test_a_session_starts_at_its_time_in_microseconds() -> None:
    assert Sequencer("i", 1_000).next(Channel.TRADES, "A") == 1_000


def test_a_session_starts_above_the_topics_when_the_clock_went_back() -> None:
    assert Sequencer("i", 1_000, greatest=5_000).next(Channel.TRADES, "A") == 5_001


def test_a_number_that_was_only_looked_at_is_not_used_up() -> None:
    sequencer = Sequencer("i", 1_000)
    sequencer.next(Channel.TRADES, "A")
    assert sequencer.next(Channel.TRADES, "A") == 1_000


def test_streams_count_on_their_own() -> None:
    sequencer = Sequencer("i", 1_000)
    numbers = [number(sequencer, *stream) for stream in (STREAMS[0], STREAMS[0], STREAMS[1], STREAMS[0])]
    assert numbers == [1_000, 1_001, 1_000, 1_002]


def test_a_session_is_named_after_its_instance() -> None:
    assert Sequencer("pod-1", 1_000).session.startswith("pod-1-")


def test_a_session_that_wrote_nothing_hands_on_what_it_was_told() -> None:
    idle = Sequencer("i", 1_000, greatest=5_000)
    assert Sequencer("i", 1_001, idle.greatest).first > 5_000


sessions = st.lists(
    st.tuples(st.integers(1_000, 2_000), st.lists(st.sampled_from(STREAMS), max_size=30)), min_size=1, max_size=6
)


@given(sessions)
def test_numbers_are_greater_than_all_earlier_ones_and_consecutive_within_a_session(
    lives: list[tuple[int, list[tuple[Channel, str]]]],
) -> None:
    greatest = 0
    last: dict[tuple[Channel, str], int] = {}
    for start_us, used in lives:  # the clock may stand still or go back between two sessions
        sequencer = Sequencer("i", start_us, greatest)
        begun: set[tuple[Channel, str]] = set()
        for stream in used:
            seq = number(sequencer, *stream)
            assert seq > last.get(stream, 0)
            assert stream not in begun or seq == last[stream] + 1
            begun.add(stream)
            last[stream] = seq
        greatest = sequencer.greatest


@given(sessions)
def test_sessions_that_wrote_have_names_of_their_own(lives: list[tuple[int, list[tuple[Channel, str]]]]) -> None:
    greatest = 0
    names = []
    for start_us, used in lives:
        sequencer = Sequencer("i", start_us, greatest)
        for stream in used:
            number(sequencer, *stream)
        if used:
            names.append(sequencer.session)
        greatest = sequencer.greatest
    assert len(names) == len(set(names))
