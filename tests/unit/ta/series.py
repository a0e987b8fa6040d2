"""Prints, partials and bars for these tests."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from torghut.ta.bars import NS, Partial, Print, SecondBar
from torghut.ta.conditions import Moves
from torghut.ta.quotes import Quote
from torghut.ta.scaled import UNIT, scaled
from torghut.ta.signals import Result

T0 = 1_723_161_240
"""2024-08-08T23:54:00Z."""


def a_print(second: int, price: float, size: float = 1.0, *, at: int = 0, seq: int = 1) -> Print:
    return Print(second * NS + at, seq, scaled(price), scaled(size), second * NS + at + 1_000_000)


def partial_of(prints: Iterable[Print], moves: Moves = Moves.EVERYTHING) -> Partial:
    whole: Partial | None = None
    for trade in prints:
        part = Partial.from_print(trade, moves)
        whole = part if whole is None else whole.merge(part)
    assert whole is not None
    return whole


def second_of(second: int, price: float, size: float = 1.0) -> Partial:
    return partial_of([a_print(second, price, size)])


def bar_of(second: int, price: float, size: float = 1.0) -> SecondBar:
    return second_of(second, price, size).finish()


def quote_of(second: int, *, at: int = 0, bid: float = 10.0, ask: float = 10.5, seq: int = 1) -> Quote:
    return Quote(second * NS + at, seq, bid, ask, 300.0, 100.0)


def applied(result: Result | None) -> Result:
    assert result is not None
    return result


scaled_prices = st.one_of(
    st.integers(1, 10**6).map(lambda cents: cents * UNIT // 100),
    st.integers(1, 10**15),
)
scaled_sizes = st.one_of(st.integers(1, 10**4).map(lambda shares: shares * UNIT), st.integers(1, 10**13))


@st.composite
def prints_of_a_second(draw: st.DrawFn, second: int = T0) -> Print:
    at = draw(st.one_of(st.integers(0, 3), st.integers(0, NS - 1)))
    return Print(
        second * NS + at,
        draw(st.integers(0, 10**16)),
        draw(scaled_prices),
        draw(scaled_sizes),
        second * NS + at + draw(st.integers(0, 10**10)),
    )


partials = st.builds(Partial.from_print, prints_of_a_second(), st.sampled_from(Moves))

closes = st.lists(st.integers(100, 100_000).map(lambda cents: cents / 100), min_size=1, max_size=120)

gaps = st.one_of(st.integers(1, 3), st.integers(1, 400), st.just(40_000))


@st.composite
def walks(draw: st.DrawFn, max_size: int = 50) -> list[Partial]:
    """Closed seconds in order: with gaps, several prints, and seconds without a price."""
    second, walk = T0, []
    for _ in range(draw(st.integers(1, max_size))):
        second += draw(gaps)
        moves = draw(st.sampled_from([Moves.EVERYTHING, Moves.EVERYTHING, Moves.RANGE, Moves.VOLUME]))
        walk.append(partial_of(draw(st.lists(prints_of_a_second(second), min_size=1, max_size=3)), moves))
    return walk
