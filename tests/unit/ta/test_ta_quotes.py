from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ta.series import T0, quote_of

from torghut.ta.bars import NS
from torghut.ta.errors import BadQuoteError, StateVersionError
from torghut.ta.quotes import Quote, QuoteBook
from torghut.ta.scaled import UNIT

quotes = st.builds(
    Quote,
    st.integers(T0 * NS, (T0 + 20) * NS),
    st.integers(0, 10**6),
    *[st.integers(0, 10**15).map(lambda x: x / UNIT)] * 4,
)


@given(st.lists(quotes, max_size=30, unique_by=lambda q: (q.event_ts, q.seq)), st.integers(T0, T0 + 21))
def test_the_quote_of_a_window_is_the_last_by_event_time_before_its_end(arrived: list[Quote], end: int) -> None:
    book = QuoteBook()
    for quote in arrived:
        book.apply(quote)
    known = [q for q in arrived if q.event_ts < end * NS]
    assert book.as_of(end) == max(known, key=lambda q: (q.event_ts, q.seq), default=None)


@given(st.lists(quotes, max_size=30), st.integers(T0, T0 + 21), st.integers(0, 5))
def test_trimming_forgets_nothing_that_a_later_window_needs(arrived: list[Quote], now: int, later: int) -> None:
    book, trimmed = QuoteBook(), QuoteBook()
    for quote in arrived:
        book.apply(quote)
        trimmed.apply(quote)
    trimmed.trim(now)
    assert trimmed.as_of(now + later) == book.as_of(now + later)


def test_trimming_keeps_one_quote_before_the_horizon() -> None:
    book = QuoteBook()
    for second in range(100):
        book.apply(quote_of(T0 + second))
    book.trim(T0 + 40)
    assert len(book) == 61
    assert (book.as_of(T0 + 40), book.as_of(T0 + 39)) == (quote_of(T0 + 39), None)


@given(st.lists(quotes, max_size=30), st.integers(T0, T0 + 21))
def test_a_restored_book_gives_the_same_quotes(arrived: list[Quote], end: int) -> None:
    book = QuoteBook()
    for quote in arrived:
        book.apply(quote)
    assert QuoteBook.restore(book.snapshot()).as_of(end) == book.as_of(end)
    assert QuoteBook.restore(book.snapshot()).snapshot() == book.snapshot()


def test_a_book_is_bounded() -> None:
    book = QuoteBook()
    for second in range(2000):
        book.apply(quote_of(T0 - second))
        book.apply(quote_of(T0 + second))
    assert len(book) == 512
    assert book.as_of(T0 + 5000) == quote_of(T0 + 1999)


def test_spread_imbalance_and_age() -> None:
    state = Quote(T0 * NS, 1, 100.01, 100.02, 300.0, 100.0).state_at((T0 + 1) * NS)
    assert (state.spread, state.imbalance, state.age_ms) == (0.01, 0.5, 1000.0)


def test_the_imbalance_of_two_empty_sides_is_null() -> None:
    assert Quote(T0 * NS, 1, 1.0, 2.0, 0.0, 0.0).state_at(T0 * NS).imbalance is None


def test_the_spread_is_null_where_a_side_is_not_quoted() -> None:
    assert Quote(T0 * NS, 1, 0.0, 2.0, 0.0, 5.0).state_at(T0 * NS).spread is None


def test_a_quote_is_read_from_the_text_of_the_sql_reduction() -> None:
    text = f"{T0 * NS}|0000000000000000007|100.01|1.0002E2|300|100.0"
    assert Quote.parse(text) == Quote(T0 * NS, 7, 100.01, 100.02, 300.0, 100.0)


@pytest.mark.parametrize("values", ["nan|1|1|1", "1|inf|1|1", "1|1|-1|1", "1|1|1", "1|1|1|1|1", "x|1|1|1", ""])
def test_an_impossible_quote_is_refused(values: str) -> None:
    with pytest.raises(BadQuoteError):
        Quote.parse(f"1|2|{values}")


def test_huge_sizes_give_no_infinite_imbalance() -> None:
    assert Quote(T0 * NS, 1, 1.0, 2.0, 1.7e308, 1.7e308).state_at(T0 * NS).imbalance is None


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x92\x02\x90", b"\x93\x01\x02\x03"])
def test_a_snapshot_of_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(StateVersionError):
        QuoteBook.restore(data)
