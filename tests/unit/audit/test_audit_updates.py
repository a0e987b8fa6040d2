"""Bars from history: one record with the last word may stand for a bar and for updates of it that were missed too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.audit.world import T0, Message, S, World, bar

MINUTE = T0 - T0 % (60 * S)
FIELDS = ("sent", "received", "repaired", "lost", "duplicated", "unexpected", "wrong", "gap")


def word(number: int, kind: str | None = None) -> Message:
    """The minute's bar (0) or its update of that number; each changes the volume."""
    return bar(MINUTE, kind=kind or ("u" if number else "b"), v=10 + number)


def happened_ns(number: int) -> int:
    return T0 + (number + 1) * 60 * S


class Minute:
    """A world in which a minute's words happen a minute apart, some of them `missed` for want of a connection."""

    def __init__(self, words: int, *, first: int = 0, missed: Container[int] = (), subscribed: bool = True) -> None:
        self.world = World(subscribed=subscribed)
        conn, connected = 1, True
        for number in range(first, words + 1):
            ns = happened_ns(number)
            if connected and number in missed:
                self.world.note("close", ns - 30 * S, conn=conn)
            elif not connected and number not in missed:
                conn += 1
                self.world.acknowledge(ns - 30 * S, conn=conn)
            connected = number not in missed
            if number < words:
                self.world.happen(word(number), ns)

    def record(self, number: int, kind: str | None = None, **changes: Any) -> None:
        self.world.record(word(number, kind), source="rest", **changes)

    def live(self, number: int) -> None:
        self.world.record(word(number))

    def counted(self) -> dict[str, int]:
        """`bars.sent` and so on, without what is 0."""
        channels = self.world.report().channels
        counts = {
            f"{name}.{field}": getattr(channels[name], field) for name in ("bars", "updated_bars") for field in FIELDS
        }
        return {name: count for name, count in counts.items() if count}


BAR_REPAIRED = {"bars.sent": 1, "bars.received": 1, "bars.repaired": 1}
BAR_LIVE = {"bars.sent": 1, "bars.received": 1}
UPDATE_REPAIRED = {"updated_bars.sent": 1, "updated_bars.received": 1, "updated_bars.repaired": 1}


def test_one_repaired_bar_with_the_updates_values_brings_both() -> None:
    minute = Minute(2)
    minute.record(1, "b")
    assert minute.counted() == BAR_REPAIRED | UPDATE_REPAIRED


def test_a_repaired_bar_from_before_the_update_is_right_too() -> None:
    minute = Minute(2)
    minute.record(0)
    minute.live(1)
    assert minute.counted() == BAR_REPAIRED | {"updated_bars.sent": 1, "updated_bars.received": 1}


def test_an_update_that_comes_live_after_a_bar_with_its_values_is_counted_once() -> None:
    minute = Minute(2)
    minute.record(1, "b")
    minute.live(1)
    assert minute.counted() == BAR_REPAIRED | {"updated_bars.sent": 1, "updated_bars.received": 1}


def test_a_missed_update_is_repaired_as_an_updated_bar() -> None:
    minute = Minute(2)
    minute.live(0)
    minute.record(1)
    assert minute.counted() == BAR_LIVE | UPDATE_REPAIRED


def test_two_repaired_bars_of_one_minute_are_a_duplicate() -> None:
    minute = Minute(2)
    minute.record(1, "b")
    minute.record(0)
    assert minute.counted() == BAR_REPAIRED | UPDATE_REPAIRED | {"bars.duplicated": 1}


def test_a_repaired_bar_with_the_values_of_no_word_is_wrong_and_brings_no_update() -> None:
    minute = Minute(2)
    minute.record(7, "b")
    expected = BAR_REPAIRED | {"bars.wrong": 1, "updated_bars.sent": 1, "updated_bars.lost": 1}
    assert minute.counted() == expected


def test_a_live_bar_with_the_updates_values_is_wrong_and_brings_no_update() -> None:
    minute = Minute(2)
    minute.world.record(word(1, "b"))
    assert minute.counted() == BAR_LIVE | {"bars.wrong": 1, "updated_bars.sent": 1, "updated_bars.lost": 1}


def test_a_repaired_bar_of_another_symbol_or_minute_brings_nothing() -> None:
    minute = Minute(2)
    minute.live(0)
    minute.world.record(bar(MINUTE, "MSFT", v=11), source="rest")
    minute.world.record(bar(MINUTE + 60 * S, v=11), source="rest")
    assert minute.counted() == BAR_LIVE | {"bars.unexpected": 2, "updated_bars.sent": 1, "updated_bars.lost": 1}


def test_a_bar_from_before_coverage_may_have_its_updates_values() -> None:
    minute = Minute(2, subscribed=False)
    minute.record(1, "b")
    assert minute.counted() == {}


def test_of_a_minute_with_updates_only_one_repaired_bar_is_expected() -> None:
    minute = Minute(2, first=1)
    minute.record(1, "b")
    assert minute.counted() == UPDATE_REPAIRED
    minute.record(1, "b")
    assert minute.counted() == UPDATE_REPAIRED | {"bars.duplicated": 1}


def test_a_live_bar_of_a_minute_with_updates_only_is_unexpected() -> None:
    minute = Minute(2, first=1)
    minute.world.record(word(1, "b"))
    assert minute.counted() == {"bars.unexpected": 1, "updated_bars.sent": 1, "updated_bars.lost": 1}


@pytest.mark.parametrize("kind", ["b", "u"])
def test_an_update_overwritten_while_nobody_was_connected_is_a_gap(kind: str) -> None:
    minute = Minute(3, missed=(0, 1, 2) if kind == "b" else (1, 2))
    if kind == "u":
        minute.live(0)
    minute.record(2, kind)
    bars = BAR_REPAIRED if kind == "b" else BAR_LIVE
    assert minute.counted() == bars | UPDATE_REPAIRED | {"updated_bars.sent": 2, "updated_bars.gap": 1}


def test_an_update_overwritten_on_a_healthy_connection_is_lost() -> None:
    minute = Minute(3)
    minute.live(0)
    minute.record(2)
    assert minute.counted() == BAR_LIVE | UPDATE_REPAIRED | {"updated_bars.sent": 2, "updated_bars.lost": 1}


def test_an_update_is_lost_when_nothing_of_its_minute_was_repaired_later() -> None:
    minute = Minute(3, missed=(1,))
    minute.live(0)
    minute.live(2)
    expected = {"updated_bars.sent": 2, "updated_bars.received": 1, "updated_bars.lost": 1}
    assert minute.counted() == BAR_LIVE | expected


def test_the_newest_update_is_lost_when_only_an_older_one_was_repaired() -> None:
    minute = Minute(3, missed=(1, 2))
    minute.live(0)
    minute.record(1)
    assert minute.counted() == BAR_LIVE | UPDATE_REPAIRED | {"updated_bars.sent": 2, "updated_bars.lost": 1}


@settings(deadline=None, max_examples=200)
@given(connected=st.lists(st.booleans(), min_size=1, max_size=7), data=st.data())
def test_a_forwarder_that_asks_history_after_each_disconnect_loses_nothing(
    connected: list[bool], data: st.DataObject
) -> None:
    """What was missed in one disconnect comes as one record; but for the bar and the newest, its words are gaps."""
    missed = [number for number, is_connected in enumerate(connected) if not is_connected]
    minute, expected = Minute(len(connected), missed=missed), Counter[str]()
    writes: list[tuple[Message, str]] = []
    for live, run in groupby(range(len(connected)), key=connected.__getitem__):
        numbers = list(run)
        for number in numbers:
            channel = "updated_bars" if number else "bars"
            expected[f"{channel}.sent"] += 1
            is_gap = not live and number not in {0, numbers[-1]}
            expected[f"{channel}.{'gap' if is_gap else 'received'}"] += 1
            expected[f"{channel}.repaired"] += not live and not is_gap
        if live:
            writes += [(word(number), "ws") for number in numbers]
        else:
            writes.append((word(numbers[-1], "u" if writes else "b"), "rest"))
    if data.draw(st.booleans()):
        again = data.draw(st.sampled_from(writes))
        writes.append(again)
        expected["updated_bars.duplicated" if again[0]["T"] == "u" else "bars.duplicated"] += 1
    for message, source in data.draw(st.permutations(writes)):
        minute.world.record(message, source=source)
    assert minute.counted() == dict(+expected)
