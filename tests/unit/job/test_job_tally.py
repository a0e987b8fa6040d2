from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torghut.job.tally import Print, Tally
from torghut.ta import bars
from torghut.ta.bars import Partial
from torghut.ta.conditions import Moves

SECOND = 1_700_000_000
PRINTS = st.lists(
    st.builds(
        Print,
        event_ts=st.integers(0, 5).map(lambda ns: SECOND * 10**9 + ns),
        seq=st.integers(1, 4),
        price=st.integers(1, 10**18 - 1),
        size=st.integers(1, 10**19 - 1),
        moves=st.sampled_from([int(moves) for moves in Moves]),
        ingest_ts=st.integers(1, 9),
        trade_id=st.integers(0, 2**64 - 1),
        venue=st.integers(0, 3),
    ),
    max_size=12,
)


def tally_of(prints: list[Print]) -> Tally:
    tally = Tally("sip")
    for one in prints:
        tally.add(one)
    return tally


def partial_of(prints: list[Print]) -> Partial:
    """The same by way of `ta`."""
    each = [
        Partial.from_print(bars.Print(one.event_ts, one.seq, one.price, one.size, one.ingest_ts), Moves(one.moves))
        for one in prints
    ]
    return reduce(Partial.merge, each, Partial.empty(SECOND))


@settings(deadline=None)
@given(PRINTS)
def test_a_tally_has_the_sums_of_the_partials(prints: list[Print]) -> None:
    assert tally_of(prints).partial(SECOND) == partial_of(prints)


@settings(deadline=None)
@given(PRINTS.filter(bool), st.data())
def test_a_print_that_is_taken_away_leaves_the_sums_of_the_others(prints: list[Print], data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(prints) - 1))
    was = prints[gone]
    tally = tally_of(prints)
    found = tally.find(was.trade_id, was.venue)
    assert found is not None
    tally.replace(found, None, 99)
    left = list(prints)
    left.pop(max(at for at, one in enumerate(left) if (one.trade_id, one.venue) == (was.trade_id, was.venue)))
    assert tally.partial(SECOND) == partial_of(left).merge(Partial.empty(SECOND, 99))


def test_a_number_that_does_not_fit_is_refused_whole() -> None:
    tally = Tally("sip")
    with pytest.raises(OverflowError):
        tally.add(Print(SECOND * 10**9, -1, 1, 1, 3, 1, 1, 0))
    assert tally.is_empty
    first, second = (Print(SECOND * 10**9, 1, 5, 1, 3, 1, number, 0) for number in (1, 2))
    tally.add(first)
    with pytest.raises(OverflowError):
        tally.add(Print(SECOND * 10**9, 1, 5, 1, 3, 2**64, 1, 0))
    tally.add(second)
    assert [tally.find(1, 0), tally.find(2, 0)] == [first, second]
