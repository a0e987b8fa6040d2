"""Bars of history add what the stream did not bring: a missing minute as a bar, another value as its update."""

from __future__ import annotations

from tests.unit.forwarder.events import T0, S, bar, trade

from torghut.feed.messages import Message
from torghut.forwarder.bars import unknown_bars
from torghut.wire.topics import Channel


def added(history: Message, *known: Message, updates: bool = True) -> list[tuple[Channel, bytes]]:
    return [(m.channel, m.payload) for m in unknown_bars([history], known, updates=updates)]


def test_a_minute_that_is_not_known_is_a_bar() -> None:
    assert added(bar(), bar(T0 + 60 * S), bar(symbol="MSFT")) == [(Channel.BARS, bar().payload)]


def test_a_bar_that_is_known_adds_nothing() -> None:
    assert added(bar(), bar()) == []


def test_a_bar_that_differs_from_the_known_one_is_its_update() -> None:
    assert added(bar(c=3), bar()) == [(Channel.UPDATED_BARS, bar(c=3).payload)]


def test_an_update_that_is_known_adds_nothing() -> None:
    assert added(bar(c=3), bar(), bar(kind="u", c=3)) == []


def test_where_updates_are_not_subscribed_to_none_is_added() -> None:
    assert added(bar(c=3), bar(), updates=False) == []


def test_a_bar_that_was_lost_before_its_update_came_is_added_with_the_values_that_history_has() -> None:
    assert added(bar(c=3), bar(kind="u", c=3)) == [(Channel.BARS, bar(c=3).payload)]


def test_other_channels_say_nothing_about_bars() -> None:
    assert len(added(bar(), trade(1))) == 1


def test_numbers_are_compared_as_numbers() -> None:
    assert added(bar(o=1.0), bar(o=1)) == []
