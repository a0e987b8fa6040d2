from __future__ import annotations

from fractions import Fraction
from functools import reduce
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ta.series import T0, a_print, partial_of, partials, prints_of_a_second

from torghut.ta.bars import NS, Partial, Print
from torghut.ta.conditions import Moves
from torghut.ta.errors import BadNumberError, BadPartialError
from torghut.ta.scaled import UNIT


@given(partials, partials, partials)
def test_merge_is_associative(a: Partial, b: Partial, c: Partial) -> None:
    assert a.merge(b).merge(c) == a.merge(b.merge(c))


@given(partials, partials)
def test_merge_is_commutative(a: Partial, b: Partial) -> None:
    assert a.merge(b) == b.merge(a)


@given(partials)
def test_the_empty_partial_changes_nothing(a: Partial) -> None:
    assert a.merge(Partial.empty(T0)) == a == Partial.empty(T0).merge(a)


@given(st.lists(partials, min_size=1, max_size=12), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_and_any_batching_give_the_same_bar(parts: list[Partial], random: Random, size: int) -> None:
    whole = reduce(Partial.merge, parts)
    shuffled = list(parts)
    random.shuffle(shuffled)
    batches = [reduce(Partial.merge, shuffled[i : i + size]) for i in range(0, len(shuffled), size)]
    assert reduce(Partial.merge, batches).finish() == whole.finish()


@given(st.lists(prints_of_a_second(), min_size=1, max_size=10, unique_by=lambda p: (p.event_ts, p.seq)))
def test_a_bar_is_what_its_definition_says(prints: list[Print]) -> None:
    values = partial_of(prints).finish().values
    in_order = sorted(prints, key=lambda p: (p.event_ts, p.seq))
    volume = sum(p.size for p in prints)
    assert values.o == float(Fraction(in_order[0].price, UNIT))
    assert values.c == float(Fraction(in_order[-1].price, UNIT))
    assert values.h == float(Fraction(max(p.price for p in prints), UNIT))
    assert values.l == float(Fraction(min(p.price for p in prints), UNIT))
    assert values.v == float(Fraction(volume, UNIT))
    assert values.vwap == float(Fraction(sum(p.price * p.size for p in prints), volume * UNIT))
    assert (values.n, values.first_ts, values.last_ts) == (len(prints), in_order[0].event_ts, in_order[-1].event_ts)


def test_ties_of_event_time_are_broken_by_seq() -> None:
    values = partial_of([a_print(T0, 11.0, seq=8), a_print(T0, 10.0, seq=7), a_print(T0, 12.0, seq=9)]).finish().values
    assert (values.o, values.c) == (10.0, 12.0)


def test_prices_come_out_as_the_source_wrote_them() -> None:
    assert partial_of([a_print(T0, 61837.63)]).finish().values.o == 61837.63


@pytest.mark.parametrize("moves", [Moves.VOLUME, Moves.RANGE])
def test_a_second_without_a_print_that_sets_open_and_close_has_volume_but_no_prices(moves: Moves) -> None:
    values = partial_of([a_print(T0, 10.0, 5.0)], moves).finish().values
    assert (values.o, values.h, values.l, values.c) == (None, None, None, None)
    assert (values.v, values.n, values.vwap) == (5.0, 1, 10.0)


def test_a_print_that_moves_high_and_low_does_not_move_the_close() -> None:
    ordinary = partial_of([a_print(T0, 10.0)])
    values = ordinary.merge(partial_of([a_print(T0, 12.0, at=5)], Moves.RANGE)).finish().values
    assert (values.o, values.h, values.l, values.c, values.n) == (10.0, 12.0, 10.0, 10.0, 2)


def test_a_print_that_counts_to_volume_only_moves_no_price() -> None:
    values = partial_of([a_print(T0, 10.0)]).merge(partial_of([a_print(T0, 12.0)], Moves.VOLUME)).finish().values
    assert (values.h, values.c, values.n, values.vwap) == (10.0, 10.0, 2, 11.0)


def test_a_print_that_moves_nothing_is_not_counted() -> None:
    assert Partial.from_print(a_print(T0, 10.0), Moves.NOTHING) == Partial.empty(T0)


def test_a_second_whose_prints_were_all_cancelled_is_all_null_with_n_0() -> None:
    values = Partial.empty(T0, ingest_ts=7).finish().values
    assert (values.o, values.c, values.vwap, values.first_ts, values.last_ts) == (None, None, None, None, None)
    assert (values.n, values.v) == (0, 0.0)


def test_an_instant_belongs_to_the_second_that_it_begins() -> None:
    assert partial_of([a_print(T0, 10.0, at=NS - 1)]).second == T0
    assert partial_of([a_print(T0, 10.0, at=NS)]).second == T0 + 1


def test_partials_of_different_seconds_are_not_merged() -> None:
    with pytest.raises(BadPartialError, match="second"):
        partial_of([a_print(T0, 1.0)]).merge(partial_of([a_print(T0 + 1, 1.0)]))


@pytest.mark.parametrize("price", [0.0, -1.0, 1e9, 1e300, float("nan"), float("inf")])
def test_an_impossible_price_is_refused(price: float) -> None:
    with pytest.raises(BadNumberError):
        partial_of([a_print(T0, price)])


@pytest.mark.parametrize("size", [0.0, -1.0, 1e10, float("nan"), float("-inf")])
def test_an_impossible_size_is_refused(size: float) -> None:
    with pytest.raises(BadNumberError):
        partial_of([a_print(T0, 1.0, size)])
