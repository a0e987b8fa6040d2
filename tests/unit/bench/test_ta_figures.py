from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.bench.errors import BenchError
from torghut.bench.load import Load, symbols_of
from torghut.bench.ta.figures import caught_up_s, check_bars, expected_bars, final_ms, provisional_ms
from torghut.bench.ta.pump import CLOSING, Pump
from torghut.bench.ta.watch import Seen

NS = 1_000_000_000
MS = 1_000_000
START = 1_795_000_000


def trades(*pairs: tuple[float, int]) -> array[int]:
    """Trades at seconds after START, with their symbol's number."""
    return array("q", [value for at_s, number in pairs for value in (START * NS + round(at_s * 1000) * MS, number)])


def bar(second: int, at_s: float, *, symbol: str = "A", count: int = 1, revision: int = 0) -> Seen:
    return Seen(symbol, START + second, revision, count, START * NS + round(at_s * 1000) * MS)


def notes(*pairs: tuple[float, float]) -> array[int]:
    """Newest trade and when it was read, in seconds after START."""
    return array("q", [START * NS + round(value * 1000) * MS for pair in pairs for value in pair])


def test_a_trade_is_shown_by_the_first_value_that_names_it_or_a_newer_one() -> None:
    seen = {"A": notes((0.2, 0.25), (0.4, 0.5))}
    assert provisional_ms(trades((0.1, 0), (0.2, 0), (0.3, 0)), ["A"], seen) == [50.0, 150.0, 200.0]


def test_a_value_that_names_an_older_trade_shows_nothing_new() -> None:
    seen = {"A": notes((0.2, 0.25), (0.1, 0.3), (0.4, 0.5))}
    assert provisional_ms(trades((0.4, 0)), ["A"], seen) == [100.0]


def test_a_trade_that_was_never_shown_makes_no_figure() -> None:
    with pytest.raises(BenchError, match="1 of 2 trades"):
        provisional_ms(trades((0.1, 0), (0.5, 0)), ["A"], {"A": notes((0.2, 0.25))})


def test_a_final_is_timed_from_its_windows_end() -> None:
    assert final_ms([bar(0, 3.25), bar(1, 4.5)]) == [2250.0, 2500.0]


def test_caught_up_is_who_stays_near_the_present() -> None:
    bars = [bar(0, 60.5), bar(50, 61.0), bar(58, 62.5), bar(40, 63.0), bar(60, 63.5)]
    assert caught_up_s(bars, (START + 60) * NS, 3000) == 3.5


def test_who_never_comes_near_the_present_took_until_the_last_bar() -> None:
    assert caught_up_s([bar(0, 60.5), bar(1, 62.0)], (START + 60) * NS, 3000) == 2.0


EXPECTED = expected_bars(trades((0.1, 0), (0.9, 0), (1.0, 1)), ["A", "B"])


def test_bars_are_expected_by_symbol_and_second() -> None:
    assert EXPECTED == {("A", START): 2, ("B", START + 1): 1}


@pytest.mark.parametrize(
    ("bars", "reason"),
    [
        ([bar(0, 9, count=2)], "1 missing"),
        ([bar(0, 9, count=2), bar(1, 9, symbol="B"), bar(1, 9, symbol="B")], "1 doubled"),
        ([bar(0, 9, count=1), bar(1, 9, symbol="B")], "1 wrong"),
        ([bar(0, 9, count=2), bar(1, 9, symbol="B"), bar(2, 9, symbol="B")], "1 unknown"),
        ([bar(0, 9, count=2), bar(1, 9, symbol="B"), bar(1, 9, symbol="B", revision=1)], "1 doubled"),
    ],
)
def test_output_that_is_not_each_bar_once_makes_no_figure(bars: list[Seen], reason: str) -> None:
    with pytest.raises(BenchError, match=reason):
        check_bars(bars, EXPECTED)


def test_each_bar_once_is_right() -> None:
    check_bars([bar(0, 9, count=2), bar(1, 9, symbol="B")], EXPECTED)


@given(st.integers(1, 300), st.integers(1, 40), st.floats(0, 1))
def test_a_pump_tells_of_the_trades_that_it_writes(messages: int, symbols: int, share: float) -> None:
    load = Load(messages, symbols=symbols, trades=share)
    pump = Pump(load, START * NS)
    names, told = symbols_of(load), pump.trades()
    written = [(record.due_ns, record.symbol) for record in pump.records if record.channel == "trades"]
    assert [(at, names[number]) for at, number in zip(told[::2], told[1::2], strict=True)] == written
    assert not any(name.startswith(CLOSING) for name in names)
