from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torghut.sim.events import Event, feed_of, parse_event
from torghut.sim.market import Market
from torghut.sim.settings import DEFAULT_SYMBOLS
from torghut.wire.times import NS_PER_S

NIGHT = 1_704_182_400 * NS_PER_S  # Tuesday, 2024-01-02 08:00 UTC, 03:00 in New York
SESSION = NIGHT + 8 * 3600 * NS_PER_S  # 11:00 in New York


def market(
    origin: int = SESSION, *, seed: int = 1, rate: float = 500.0, symbols: tuple[str, ...] = DEFAULT_SYMBOLS
) -> Market:
    feeds = {symbol: feed_of(symbol, "sip") for symbol in symbols}
    return Market(seed=seed, symbols=symbols, rate=rate, origin_ns=origin, ids=count(1), feeds=feeds)


@pytest.fixture(scope="module")
def session_events() -> list[Event]:
    return market().advance(SESSION + 180 * NS_PER_S)


def decoded(events: list[Event], kind: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event.raw) for event in events if event.kind == kind]


@settings(deadline=None, max_examples=20)
@given(steps=st.lists(st.integers(1, NS_PER_S), min_size=1, max_size=20), seed=st.integers(0, 5))
def test_the_same_seed_gives_the_same_events_whatever_the_steps(steps: list[int], seed: int) -> None:
    walked, at = market(seed=seed), SESSION
    events = []
    for step in steps:
        at += step
        events += walked.advance(at)
    assert events == market(seed=seed).advance(at)


def test_another_seed_gives_another_market() -> None:
    assert market(seed=1).advance(SESSION + NS_PER_S) != market(seed=2).advance(SESSION + NS_PER_S)


def test_every_event_is_what_its_message_says(session_events: list[Event]) -> None:
    assert all(parse_event(event.raw, "sip") == event for event in session_events)


def test_the_rate_is_kept_on_average() -> None:
    seconds = 120
    events = market(NIGHT).advance(NIGHT + seconds * NS_PER_S)
    assert len(events) / seconds == pytest.approx(500, rel=0.1)


def test_every_kind_of_message_occurs(session_events: list[Event]) -> None:
    assert {event.kind for event in session_events} == set("tqbucxsl")


def test_trade_ids_are_never_given_twice(session_events: list[Event]) -> None:
    ids = [t["i"] for t in decoded(session_events, "t")] + [c["ci"] for c in decoded(session_events, "c")]
    assert len(ids) == len(set(ids))


def test_changes_concern_trades_that_happened_and_each_at_most_once(session_events: list[Event]) -> None:
    prints = {(t["S"], t.get("x"), t["i"]) for t in decoded(session_events, "t")}
    changed = [(c["S"], c["x"], c["oi"]) for c in decoded(session_events, "c")]
    changed += [(x["S"], x["x"], x["i"]) for x in decoded(session_events, "x")]
    assert set(changed) <= prints
    assert len(changed) == len(set(changed))


def test_some_prints_come_late_but_none_by_more_than_ten_seconds() -> None:
    walked, late = market(), []
    for second in range(1, 60):
        until = SESSION + second * NS_PER_S
        late += [until - event.t for event in walked.advance(until) if event.kind == "t"]
    assert 2 * NS_PER_S < max(late) <= 11 * NS_PER_S


def test_identical_neighbouring_quotes_occur(session_events: list[Event]) -> None:
    assert max(Counter(event.raw for event in session_events if event.kind == "q").values()) >= 2


def test_the_quiet_symbols_have_few_prints(session_events: list[Event]) -> None:
    by_symbol = Counter(event.symbol for event in session_events if event.kind == "t")
    assert by_symbol["BRK.B"] < by_symbol["AAPL"] / 20


def test_a_halted_symbol_neither_trades_nor_quotes() -> None:
    halted: set[str] = set()
    halts = 0
    for event in market(rate=20, symbols=("AAPL", "IBM")).advance(SESSION + 1200 * NS_PER_S):
        if event.kind == "s":
            halts += 1
            halted ^= {event.symbol}
        elif event.kind in "tq":
            assert event.symbol not in halted
    assert halts >= 2


def test_form_t_is_the_rule_outside_the_regular_session() -> None:
    night = decoded(market(NIGHT).advance(NIGHT + 20 * NS_PER_S), "t")
    assert all({"T", "U"} & set(t["c"]) for t in night if "c" in t)


def test_odd_lots_are_marked(session_events: list[Event]) -> None:
    assert all(t["s"] < 100 for t in decoded(session_events, "t") if "I" in t.get("c", ()))


def test_crypto_trades_have_a_taker_and_no_exchange(session_events: list[Event]) -> None:
    crypto = [t for t in decoded(session_events, "t") if "/" in t["S"]]
    assert crypto
    assert all(t["tks"] in "BS" and not {"x", "c", "z"} & t.keys() for t in crypto)


def test_the_open_is_busier_than_midday() -> None:
    opening = NIGHT + int(6.5 * 3600) * NS_PER_S
    busy = len(market(opening, rate=50).advance(opening + 60 * NS_PER_S))
    assert busy > 3 * len(market(rate=50).advance(SESSION + 60 * NS_PER_S))


def test_skipped_time_has_no_arrivals() -> None:
    walked = market()
    walked.skip(SESSION + 10 * NS_PER_S)
    assert {event.kind for event in walked.advance(SESSION + 10 * NS_PER_S - 1)} <= {"l", "s"}
