"""Whatever is known three times over, or by one side alone, is in Kafka exactly as often as it happened."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from torghut.forwarder.overlap import Overlap

PUBLISHED, GAP, BUFFERED, LATE, AGAIN = "published", "in the gap", "buffered", "late", "published and delivered again"

event = st.tuples(st.integers(0, 4), st.sampled_from([PUBLISHED, GAP, BUFFERED, LATE, AGAIN]))


def repaired(events: list[tuple[int, str]], lagging: set[int], resent: list[int] | None = None) -> Counter[int]:
    """What is in Kafka after a repair of these events: equal numbers are equal events."""
    kafka = Counter(value for value, where in events if where in {PUBLISHED, AGAIN})
    overlap = Overlap(kafka.elements())
    buffered = [value for value, where in events if where in {BUFFERED, AGAIN}] + (resent or [])
    for value in buffered:
        overlap.buffer(value)
    kafka.update(value for value, _ in events if value not in lagging and overlap.missing(value))
    later = [value for value, where in events if where == LATE]
    kafka.update(value for value in buffered + later if overlap.release(value))
    return kafka


@given(st.lists(event, max_size=25))
def test_any_split_of_the_truth_gives_the_truth(events: list[tuple[int, str]]) -> None:
    assert repaired(events, lagging=set()) == Counter(value for value, _ in events)


@given(st.lists(event, max_size=25), st.sets(st.integers(0, 4)))
def test_what_history_does_not_show_yet_is_taken_from_the_connection(
    events: list[tuple[int, str]], lagging: set[int]
) -> None:
    # What history lacks must be delivered by someone; and equal events are all from one side of the break, or the
    # connection repeats those before it: else nobody can tell a repetition from another of the same.
    events = [(value, where) for value, where in events if value not in lagging or where != GAP]
    repeated = {value for value, where in events if where in {PUBLISHED, AGAIN}} & lagging
    events = [(value, AGAIN if value in repeated else where) for value, where in events]
    assert repaired(events, lagging) == Counter(value for value, _ in events)


@given(st.lists(event, max_size=25), st.data())
def test_what_the_connection_repeats_is_dropped_where_history_knows_better(
    events: list[tuple[int, str]], data: st.DataObject
) -> None:
    resent = data.draw(st.lists(st.sampled_from([v for v, _ in events]))) if events else []
    assert repaired(events, lagging=set(), resent=resent) == Counter(value for value, _ in events)


def test_of_identical_quotes_each_survives_once() -> None:
    events = [(7, PUBLISHED), (7, GAP), (7, GAP), (7, BUFFERED), (7, LATE)]
    assert repaired(events, lagging=set()) == {7: 5}


def test_an_old_event_of_history_does_not_stop_a_live_one() -> None:
    overlap = Overlap()
    assert overlap.missing("old", recent=False)
    assert overlap.release("old")


def test_a_buffered_event_keeps_its_place_in_the_stream() -> None:
    overlap = Overlap()
    overlap.buffer("live")
    assert not overlap.missing("live")
    assert overlap.release("live")


def test_what_nobody_knows_is_released() -> None:
    assert Overlap(["other"]).release("live")


def test_what_is_in_kafka_is_matched_once() -> None:
    overlap = Overlap(["a"])
    assert [overlap.release("a"), overlap.release("a")] == [False, True]
