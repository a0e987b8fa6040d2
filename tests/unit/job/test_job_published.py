from __future__ import annotations

from torghut.job.published import Place, Published
from torghut.wire.topics import Channel

PLACE = Place(Channel.TA_BARS, "A", 7)


def published(*payloads: bytes) -> Published:
    found = Published()
    for revision, payload in enumerate(payloads):
        found.add(PLACE, revision, payload)
    return found


def test_what_is_not_in_the_topic_is_written_as_computed() -> None:
    assert Published().settle(PLACE, 3, b"x") == 3


def test_what_is_in_the_topic_is_not_written_again() -> None:
    again = published(b"x", b"y")
    assert [again.settle(PLACE, 0, b"x"), again.settle(PLACE, 1, b"y"), again.settle(PLACE, 2, b"z")] == [None, None, 2]


def test_a_changed_value_becomes_the_next_revision() -> None:
    assert published(b"x", b"y").settle(PLACE, 0, b"changed") == 2


def test_after_a_changed_value_the_last_computed_one_stands_last_in_the_topic() -> None:
    again = published(b"x", b"y")
    assert [again.settle(PLACE, 0, b"changed"), again.settle(PLACE, 1, b"y")] == [2, 3]
    assert again.settle(PLACE, 2, b"y") is None


def test_places_before_a_second_are_forgotten() -> None:
    again = published(b"x")
    again.forget_before(7)
    assert len(again) == 1
    again.forget_before(8)
    assert len(again) == 0
