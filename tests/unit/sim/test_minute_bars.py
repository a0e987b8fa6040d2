from __future__ import annotations

import pytest

from torghut.sim.minute_bars import MINUTE_NS, MinuteBars, Moves, Print, moves

ALL = Moves(open_close=True, high_low=True, volume=True)
VOLUME = Moves(open_close=False, high_low=False, volume=True)
RANGE = Moves(open_close=False, high_low=True, volume=True)
NOTHING = Moves(open_close=False, high_low=False, volume=False)


@pytest.mark.parametrize(
    ("conditions", "tape", "regular", "expected"),
    [
        (("@",), "C", True, ALL),
        (("@", "F"), "C", True, ALL),
        (("@", "I"), "C", True, VOLUME),
        (("@", "W"), "C", True, VOLUME),
        ((" ", "W"), "A", True, ALL),
        ((" ", "B"), "B", True, VOLUME),
        (("@", "B"), "C", True, ALL),
        (("@", "Z"), "C", True, RANGE),
        (("@", "4", "I"), "C", True, VOLUME),
        (("@", "T"), "C", False, ALL),
        (("@", "T"), "C", True, VOLUME),
        (("@", "M"), "C", True, NOTHING),
        (("@", "Q", "Z"), "C", True, NOTHING),
    ],
)
def test_the_most_restrictive_condition_wins(
    conditions: tuple[str, ...],
    tape: str,
    regular: bool,  # noqa: FBT001 - a row of the table
    expected: Moves,
) -> None:
    assert moves(conditions, tape, regular_session=regular) == expected


def collected(*prints: Print) -> MinuteBars:
    bars = MinuteBars()
    for new in prints:
        bars.add("A", new)
    return bars


def test_open_and_close_follow_event_time() -> None:
    (bar,) = collected(Print(1, 20, 300, 1, ALL), Print(2, 10, 200, 1, ALL), Print(3, 30, 250, 1, ALL)).close(0)
    assert (bar.open, bar.high, bar.low, bar.close) == (200, 300, 200, 250)


def test_volume_counts_what_may_move_it() -> None:
    (bar,) = collected(Print(1, 1, 100, 5, ALL), Print(2, 2, 200, 7, VOLUME), Print(3, 3, 300, 11, NOTHING)).close(0)
    assert (bar.volume, bar.count, bar.average) == (12, 2, round(1900 / 12))


def test_a_change_that_the_rounded_values_do_not_show_is_no_update() -> None:
    bars = collected(Print(1, 1, 100, 1_000_000, ALL), Print(2, 2, 100, 1, VOLUME))
    bars.close(0)
    bars.remove("A", 2, 2)
    bars.add("A", Print(3, 2, 101, 1, VOLUME))
    assert bars.revise(0) == []


def test_a_minute_without_a_price_has_no_bar() -> None:
    assert collected(Print(1, 1, 100, 5, VOLUME)).close(0) == []


def test_a_late_print_revises_its_minute() -> None:
    bars = collected(Print(1, 1, 100, 5, ALL))
    bars.close(0)
    bars.add("A", Print(2, MINUTE_NS - 1, 200, 5, ALL))
    assert [bar.close for bar in bars.revise(0)] == [200]


def test_an_unchanged_minute_is_not_revised() -> None:
    bars = collected(Print(1, 1, 100, 5, ALL))
    bars.close(0)
    assert bars.revise(0) == []


def test_a_cancelled_print_is_taken_out() -> None:
    bars = collected(Print(1, 1, 100, 5, ALL), Print(2, 2, 900, 5, ALL))
    bars.close(0)
    bars.remove("A", 2, 2)
    assert [bar.high for bar in bars.revise(0)] == [100]
