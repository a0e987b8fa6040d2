from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ta.series import T0, a_print, applied, partial_of, quote_of, second_of, walks

from torghut.ta.bars import Partial
from torghut.ta.conditions import Moves
from torghut.ta.errors import IndicatorError, OutOfOrderError, StateVersionError, TooLateError
from torghut.ta.quotes import Quote
from torghut.ta.signals import Result, SignalState
from torghut.ta.suite import Suite

SUITE = Suite("us_equities")
Latest = dict[int, tuple[object, object]]


def fresh(revision_s: int = 60) -> SignalState:
    return SignalState(SUITE, revision_s)


def latest(*results: Result) -> Latest:
    """What a reader sees who keeps the highest revision."""
    seen: dict[int, Result] = {}
    for result in results:
        known = seen.get(result.second)
        assert result.revision == (0 if known is None else known.revision + 1)
        seen[result.second] = result
    return {second: (result.bar, result.signal) for second, result in sorted(seen.items())}


def closed(state: SignalState, walk: list[Partial], quote: Quote | None = None) -> list[Result]:
    return [applied(state.apply(partial, quote)) for partial in walk]


def steady(count: int, first: int = T0) -> list[Partial]:
    return [second_of(first + i, 10.0 + i % 7) for i in range(count)]


def test_every_second_is_closed_once_with_revision_0() -> None:
    results = closed(fresh(), steady(100))
    assert [(r.second, r.revision) for r in results] == [(T0 + i, 0) for i in range(100)]


def test_a_second_without_counted_prints_has_no_bar() -> None:
    assert fresh().apply(Partial.empty(T0), None) is None


def test_seconds_are_closed_in_order() -> None:
    state = fresh()
    closed(state, steady(2))
    with pytest.raises(OutOfOrderError, match=f"wanted a second after {T0 + 1}"):
        state.apply(second_of(T0 + 1, 1.0), None)


def test_a_preview_is_what_closing_would_give_and_changes_nothing() -> None:
    state = fresh()
    closed(state, steady(50))
    before = state.snapshot()
    following, quote = second_of(T0 + 50, 11.0), quote_of(T0 + 50)
    preview = state.preview(following, quote)
    assert state.snapshot() == before
    result = applied(state.apply(following, quote))
    assert preview == (result.bar, result.signal)


def test_a_preview_goes_through_the_seconds_that_are_not_closed_yet() -> None:
    state = fresh()
    walk = steady(53)
    closed(state, walk[:50])
    preview = state.preview(walk[52], None, before=walk[50:52])
    assert preview == [(r.bar, r.signal) for r in closed(state, walk[50:])][-1]


def test_a_second_that_was_closed_has_no_preview() -> None:
    state = fresh()
    closed(state, steady(5))
    with pytest.raises(OutOfOrderError):
        state.preview(second_of(T0 + 4, 1.0), None)
    with pytest.raises(OutOfOrderError):
        state.preview(second_of(T0 + 9, 1.0), None, before=[second_of(T0 + 4, 1.0)])


def test_a_late_print_revises_its_bar_and_the_signals_after_it() -> None:
    state = fresh()
    closed(state, steady(50))
    results = state.late(partial_of([a_print(T0 + 40, 99.0, at=5)]), None)
    assert [(r.second, r.revision) for r in results] == [(T0 + i, 1) for i in range(40, 50)]
    assert (results[0].bar.h, results[0].bar.c, results[0].bar.n) == (99.0, 99.0, 2)
    assert results[1].bar.n == 1


def test_the_newest_print_that_contributed_dates_a_revision() -> None:
    state = fresh()
    closed(state, steady(3))
    late = Partial.empty(T0, ingest_ts=10**19).merge(second_of(T0, 99.0))
    assert {r.ingest_ts for r in state.late(late, None)} == {10**19}


def test_a_bar_whose_prints_all_came_late_starts_at_revision_0() -> None:
    state = fresh()
    walk = steady(50)
    closed(state, [*walk[:40], *walk[41:]])
    results = state.late(walk[40], quote_of(T0 + 40))
    assert [(r.second, r.revision) for r in results[:2]] == [(T0 + 40, 0), (T0 + 41, 1)]
    assert results[0].signal.quote.bid == 10.0


def test_a_late_print_does_not_bring_a_late_quote_with_it() -> None:
    state = fresh()
    closed(state, steady(50), quote_of(T0))
    assert {r.signal.quote.bid for r in state.late(second_of(T0 + 45, 99.0), quote_of(T0, bid=77.0))} == {10.0}


def test_a_bar_whose_prints_were_all_cancelled_is_revised_to_n_0() -> None:
    state = fresh()
    closed(state, steady(50))
    first, *rest = state.revise(Partial.empty(T0 + 40), None)
    assert (first.revision, first.bar.n, first.bar.c, first.bar.vwap, first.signal.close) == (1, 0, None, None, None)
    without = [p for p in steady(50) if p.second != T0 + 40]
    assert [r.signal for r in rest] == [r.signal for r in closed(fresh(), without)[40:]]


def test_a_cancelled_bar_that_gets_a_print_again_goes_on_counting_revisions() -> None:
    state = fresh()
    closed(state, steady(5))
    state.revise(Partial.empty(T0 + 4), None)
    assert [(r.second, r.revision) for r in state.late(second_of(T0 + 4, 10.0), None)] == [(T0 + 4, 2)]


def test_a_cancel_in_a_second_without_a_bar_changes_nothing() -> None:
    state = fresh()
    closed(state, steady(5))
    assert state.revise(Partial.empty(T0 + 5), None) == ()


def test_a_late_print_that_is_not_counted_revises_nothing() -> None:
    state = fresh()
    closed(state, steady(5))
    assert state.late(partial_of([a_print(T0 + 3, 99.0)], Moves.NOTHING), None) == ()


def test_the_same_content_again_revises_nothing() -> None:
    state = fresh()
    closed(state, steady(5))
    assert state.revise(steady(5)[3], None) == ()


def test_a_second_that_left_the_revision_horizon_is_too_late() -> None:
    state = fresh(revision_s=60)
    closed(state, steady(200))
    with pytest.raises(TooLateError, match="can no longer be revised"):
        state.late(second_of(T0, 1.0), None)


@pytest.mark.parametrize("revision_s", [0, 1, 10, 60])
def test_every_second_within_the_horizon_can_be_revised(revision_s: int) -> None:
    state = fresh(revision_s)
    for partial in steady(200):
        state.apply(partial, None)
        oldest = max(T0, partial.second - revision_s)
        assert state.late(second_of(oldest, 12.0), None)[0].second == oldest


@settings(max_examples=30)
@given(walks(max_size=25), st.data())
def test_revisions_end_where_a_computation_from_scratch_does(walk: list[Partial], data: st.DataObject) -> None:
    """Seconds missing, incomplete or wrong at first, and mended in any order: as if they had been right at once."""
    state = fresh(revision_s=10**7)
    how = data.draw(st.lists(st.sampled_from(["whole", "missing", "wrong"]), min_size=len(walk), max_size=len(walk)))
    results, mend = [], []
    for partial, at_first in zip(walk, how, strict=True):
        if at_first == "whole":
            results.append(applied(state.apply(partial, None)))
            continue
        mend.append(partial)
        if at_first == "wrong":
            results.append(applied(state.apply(second_of(partial.second, 3.0), None)))
    for partial in data.draw(st.permutations(mend)):
        results += state.revise(partial, None)
    scratch = fresh(revision_s=0)
    expected = latest(*closed(scratch, walk))
    assert latest(*results) == expected
    following = second_of(walk[-1].second + 1, 50.0)
    assert applied(state.apply(following, None)) == applied(scratch.apply(following, None))


@settings(max_examples=30)
@given(walks(), st.integers(0, 2**32), st.sampled_from([0, 5, 60]))
def test_a_restored_state_goes_on_to_the_last_bit(walk: list[Partial], seed: int, revision_s: int) -> None:
    random, kept, restored = Random(seed), fresh(revision_s), fresh(revision_s)
    for partial in walk:
        quote = quote_of(partial.second, bid=random.randrange(10**6) / 10**4, ask=random.random() * 1e5)
        if random.random() < 0.3:
            restored = SignalState.restore(restored.snapshot(), SUITE, revision_s)
        assert restored.apply(partial, quote) == kept.apply(partial, quote)
        if random.random() < 0.3:
            late = second_of(max(partial.second - random.randrange(revision_s + 1), T0), 7.0)
            assert restored.late(late, quote) == kept.late(late, quote)
        assert restored.snapshot() == kept.snapshot()


@settings(max_examples=20)
@given(walks(), st.sampled_from([0, 1, 60]))
def test_the_length_of_the_horizon_does_not_change_values(walk: list[Partial], revision_s: int) -> None:
    assert closed(fresh(revision_s), walk) == closed(fresh(10**6), walk)


def test_the_state_of_a_busy_symbol_is_small() -> None:
    state = fresh()
    for i in range(1000):
        prints = [
            a_print(T0 + i, 200.0 + (i * 7 + k) % 50 / 100, 100.0, at=k * 10**7 + i, seq=10**15 + i * 20 + k)
            for k in range(20)
        ]
        state.apply(partial_of(prints), quote_of(T0 + i, at=999_000_000))
    assert len(state.snapshot()) < 13_000


def test_a_failing_indicator_leaves_the_state_as_it_was() -> None:
    class Fragile:
        name, version = "fragile", 1

        def start(self) -> int:
            return 0

        def step(self, state: int, bar: object, _context: object) -> tuple[int, float]:
            if getattr(bar, "close", None) == 13.0:
                raise ValueError("unlucky")
            return state + 1, float(state)

        def dump(self, state: int) -> bytes:
            return str(state).encode()

        def load(self, data: bytes) -> int:
            return int(data)

    state = SignalState(Suite("crypto", [Fragile()]))
    state.apply(second_of(T0, 10.0), None)
    before = state.snapshot()
    with pytest.raises(IndicatorError):
        state.apply(second_of(T0 + 1, 13.0), None)
    with pytest.raises(IndicatorError):
        state.revise(second_of(T0, 13.0), None)
    assert state.snapshot() == before
    assert applied(state.apply(second_of(T0 + 1, 10.0), None)).signal.custom == {"fragile": 1.0}


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x92\x02\x90", b"\x92\x01\x94\x00\xc4\x00\x00\x90"])
def test_bytes_that_are_no_snapshot_are_refused(data: bytes) -> None:
    with pytest.raises(StateVersionError):
        SignalState.restore(data, SUITE)
