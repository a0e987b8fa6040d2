"""How long nobody was heard, and how much of it was nobody's fault."""

from __future__ import annotations

from torghut.drills.meter import longest_ns


def test_the_longest_silence_counts() -> None:
    assert longest_ns([(0, 10), (20, 50), (60, 61)], ()) == 30
    assert longest_ns([], ()) == 0


def test_of_a_silence_in_which_the_market_was_held_only_the_rest_counts() -> None:
    assert longest_ns([(0, 100)], [(20, 90)]) == 30
    assert longest_ns([(0, 100), (200, 240)], [(50, 300)]) == 50
    assert longest_ns([(0, 100)], [(100, 500)]) == 100
