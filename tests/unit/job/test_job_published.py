from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torghut.job.published import FINALS, Place, Published, Settled
from torghut.wire.topics import Channel

BARS, SIGNALS = FINALS
PLACE = Place("A", 7)
NOTHING: tuple[Channel, ...] = ()


def pair(bar: bytes, signal: bytes | None = None) -> dict[Channel, bytes]:
    return {BARS: bar, SIGNALS: bar if signal is None else signal}


def published(*payloads: bytes) -> Published:
    found = Published()
    for revision, payload in enumerate(payloads):
        for channel in FINALS:
            found.add(channel, PLACE, revision, payload)
    return found


def test_what_is_not_in_the_topic_is_written_as_computed() -> None:
    assert Published().settle(PLACE, 3, pair(b"x")) == Settled(3, FINALS)


def test_what_is_in_the_topic_is_not_written_again() -> None:
    again = published(b"x", b"y")
    assert [again.settle(PLACE, number, pair(value)) for number, value in ((0, b"x"), (1, b"y"), (2, b"z"))] == [
        Settled(0, NOTHING),
        Settled(1, NOTHING),
        Settled(2, FINALS),
    ]


def test_a_changed_value_becomes_the_next_revision() -> None:
    assert published(b"x", b"y").settle(PLACE, 0, pair(b"changed")) == Settled(2, FINALS)


def test_a_changed_signal_takes_its_bar_along_to_the_next_revision() -> None:
    assert published(b"x", b"y").settle(PLACE, 0, pair(b"x", b"changed")) == Settled(2, FINALS)


def test_a_value_that_stands_in_the_topic_under_a_later_revision_takes_its_number() -> None:
    assert published(b"x", b"y", b"z").settle(PLACE, 1, pair(b"z")) == Settled(2, NOTHING)


def test_a_signal_that_was_lost_is_written_with_the_revision_of_its_bar() -> None:
    again = Published()
    again.add(BARS, PLACE, 0, b"x")
    assert again.settle(PLACE, 0, pair(b"x")) == Settled(0, (SIGNALS,))


def test_what_was_settled_is_known_from_then_on() -> None:
    again = published(b"x")
    assert again.settle(PLACE, 0, pair(b"changed")) == Settled(1, FINALS)
    assert again.settle(PLACE, 1, pair(b"changed")) == Settled(1, NOTHING)


@given(
    st.lists(st.sampled_from([b"x", b"y", b"z"]), max_size=4), st.lists(st.sampled_from([b"x", b"y", b"z"]), max_size=4)
)
def test_numbers_run_on_without_a_gap_whatever_is_computed(before: list[bytes], computed: list[bytes]) -> None:
    again, revision, written = published(*before), -1, list(range(len(before)))
    for payload in computed:
        settled = again.settle(PLACE, revision + 1, pair(payload))
        revision = settled.revision
        written += [revision] if settled.channels else []
    assert written == list(range(len(written)))


def test_places_before_a_second_are_forgotten() -> None:
    again = published(b"x")
    again.forget_before(7)
    assert len(again) == 1
    again.forget_before(8)
    assert len(again) == 0
