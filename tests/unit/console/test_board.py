from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.console.records import T0, bar, signal

from torghut.console import board as board_module
from torghut.console.board import HOUR_S, Board
from torghut.console.row import Row, decode_row
from torghut.wire.envelope import Envelope


def rows(board: Board, symbol: str = "AAPL", cursor: int = 0) -> dict[int, Row]:
    series = board.series(symbol)
    return {} if series is None else {row.t: row for row in map(decode_row, series.since(cursor))}


def test_a_bar_and_its_signal_make_one_row() -> None:
    board = Board("e")
    board.take(bar(T0, 10.0))
    board.take(signal(T0, 10.0))
    (row,) = rows(board).values()
    assert (row.t, row.c, row.ema12, row.bar_rank, row.signal_rank) == (T0, 10.0, 10.0, 0, 0)


def test_a_provisional_bar_moves_until_it_is_final() -> None:
    board = Board("e")
    for close, revision in ((10.0, None), (11.0, None), (12.0, 0)):
        board.take(bar(T0, close, revision=revision))
        assert rows(board)[T0].c == close


def test_a_late_provisional_value_does_not_replace_a_final_one() -> None:
    board = Board("e")
    board.take(bar(T0, 12.0))
    board.take(bar(T0, 11.0, revision=None))
    assert rows(board)[T0].c == 12.0


def test_a_revision_replaces_and_an_older_one_does_not() -> None:
    board = Board("e")
    board.take(bar(T0, 13.0, revision=2))
    board.take(bar(T0, 12.0, revision=1))
    assert (rows(board)[T0].c, rows(board)[T0].bar_rank) == (13.0, 2)


def test_a_record_that_says_nothing_new_moves_no_cursor() -> None:
    board = Board("e")
    board.take(bar(T0, 10.0))
    before = board.cursor
    board.take(bar(T0, 10.0))
    assert board.cursor == before


def test_only_what_changed_after_the_cursor_is_told() -> None:
    board = Board("e")
    board.take(bar(T0, 10.0))
    board.take(bar(T0 + 1, 11.0))
    cursor = board.cursor
    board.take(bar(T0, 12.0, revision=1))
    assert set(rows(board, cursor=cursor)) == {T0}


def test_what_is_older_than_an_hour_is_forgotten() -> None:
    board = Board("e")
    for second in range(T0, T0 + HOUR_S + 100):
        board.take(bar(second, 10.0))
    assert min(rows(board)) == T0 + 100
    assert len(rows(board)) == HOUR_S


def test_a_revision_of_what_is_forgotten_is_forgotten_too() -> None:
    board = Board("e")
    board.take(bar(T0 + 2 * HOUR_S, 10.0))
    board.take(bar(T0, 10.0, revision=1))
    assert set(rows(board)) == {T0 + 2 * HOUR_S}


def test_many_symbols_share_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "MAX_ROWS", 2000)
    board = Board("e")
    for second in range(T0, T0 + 300):
        for number in range(20):
            board.take(bar(second, 10.0, symbol=f"S{number}"))
    assert board.rows <= 2000


records = st.lists(
    st.builds(
        lambda kind, second, close, revision: kind(T0 + second, close, revision=revision),
        st.sampled_from([bar, signal]),
        st.integers(0, 5),
        st.floats(1, 9, width=16),
        st.one_of(st.none(), st.integers(0, 3)),
    ),
    max_size=40,
)


@given(records, st.lists(st.integers(0, 40)))
def test_a_browser_that_comes_at_any_moments_has_what_one_that_never_left_has(
    envelopes: list[Envelope], visits: list[int]
) -> None:
    board, cursor = Board("e"), 0
    kept: dict[int, Row] = {}
    for number, envelope in enumerate(envelopes):
        board.take(envelope)
        if number in visits:
            kept |= rows(board, cursor=cursor)
            cursor = board.cursor
    kept |= rows(board, cursor=cursor)
    assert kept == rows(board)


@given(records)
def test_a_second_never_goes_back_to_an_older_revision(envelopes: list[Envelope]) -> None:
    board = Board("e")
    ranks: list[dict[int, tuple[int, int]]] = []
    for envelope in envelopes:
        board.take(envelope)
        ranks.append({second: (row.bar_rank, row.signal_rank) for second, row in rows(board).items()})
    for before, after in pairwise(ranks):
        for second, (bar_rank, signal_rank) in before.items():
            assert after[second][0] >= bar_rank
            assert after[second][1] >= signal_rank
