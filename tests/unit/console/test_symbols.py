from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.console.errors import BadRequestError
from torghut.console.symbols import matching, parse_symbol


@pytest.mark.parametrize(("typed", "symbol"), [("aapl", "AAPL"), (" BRK.B ", "BRK.B"), ("btc/usd", "BTC/USD")])
def test_a_symbol_is_taken_as_typed_in_capitals(typed: str, symbol: str) -> None:
    assert parse_symbol(typed) == symbol


@pytest.mark.parametrize("typed", ["", " ", "<b>", "../etc", "A" * 17, "ÄÖ", "A B", "A\nB", "A;B"])
def test_what_cannot_be_a_symbol_is_refused_with_the_reason(typed: str) -> None:
    with pytest.raises(BadRequestError, match="is not a symbol: wanted up to 16"):
        parse_symbol(typed)


@given(st.text(max_size=40))
def test_whatever_is_typed_gives_a_plain_symbol_or_a_reason(typed: str) -> None:
    try:
        symbol = parse_symbol(typed)
    except BadRequestError:
        return
    assert symbol.isascii()
    assert not set(symbol) & set("<>\"'&; \n")


def test_matches_begin_with_the_query_before_they_hold_it() -> None:
    assert matching(["AMD", "DAL", "MDB", "TSLA"], "md") == ["MDB", "AMD"]


def test_no_more_matches_than_a_list_can_show() -> None:
    assert len(matching([f"S{n}" for n in range(1000)], "s")) == 50
