from __future__ import annotations

from functools import reduce

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ta.series import T0, a_print, partial_of, partials

from torghut.ta.bars import NS, Partial
from torghut.ta.errors import BadInputError
from torghut.ta.partial_forms import PartialRow, pack, parse_row, to_row, unpack

some_prints = st.lists(partials, min_size=1, max_size=4).map(lambda parts: reduce(Partial.merge, parts))


@given(some_prints)
def test_a_row_gives_back_the_partial(partial: Partial) -> None:
    assert parse_row(to_row(partial)) == partial


@given(some_prints)
def test_state_bytes_give_back_the_partial(partial: Partial) -> None:
    assert unpack(pack(partial)) == partial


@given(some_prints, some_prints)
def test_the_order_of_mark_texts_is_the_order_of_marks(a: Partial, b: Partial) -> None:
    x, y, merged = to_row(a), to_row(b), to_row(a.merge(b))
    assert merged.open == min((t for t in (x.open, y.open) if t is not None), default=None)
    assert merged.close == max((t for t in (x.close, y.close) if t is not None), default=None)


def test_an_equitys_second_is_small_in_state() -> None:
    prints = [a_print(T0, 200.0 + i / 100, 100.0, at=i * 1000, seq=10**15 + i) for i in range(50)]
    assert len(pack(partial_of(prints))) < 80


def test_a_row_as_the_sql_reduction_writes_it_is_read() -> None:
    mark = f"{T0 * NS}|0001723161240000001|000000123.450000000"
    row = PartialRow(
        T0, mark, "123.450000000", "123.45", mark, "100.000000000", "12345.000000000000000000", 1, T0 * NS, T0 * NS, 5
    )
    expected = partial_of([a_print(T0, 123.45, 100.0, seq=1723161240000001)])
    assert parse_row(row) == msgspec.structs.replace(expected, ingest_ts=5)


def test_a_row_without_counted_prints_is_empty() -> None:
    assert parse_row(PartialRow(T0, None, None, None, None, None, None, 0, None, None, None)) == Partial.empty(T0)


@pytest.mark.parametrize(
    "change",
    [
        {"open": None},
        {"high": None},
        {"open": "nonsense"},
        {"open": f"{T0 * NS}|1|-5"},
        {"high": "NaN"},
        {"high": "1.0"},
        {"low": "99.0"},
        {"volume": "0"},
        {"volume": "Infinity"},
        {"notional": "-1"},
        {"n": 0},
        {"n": -1},
        {"first_ts": None},
        {"last_ts": (T0 + 1) * NS},
        {"event_second": T0 + 1},
    ],
)
def test_a_row_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    row = to_row(partial_of([a_print(T0, 10.0), a_print(T0, 11.0, at=3)]))
    with pytest.raises(BadInputError):
        parse_row(msgspec.structs.replace(row, **change))
