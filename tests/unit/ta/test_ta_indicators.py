from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import talib
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from talipp.indicators import BB, EMA, MACD, RSI
from tests.unit.ta.series import T0, a_print, bar_of, closes, partial_of

from torghut.ta.bars import SecondBar
from torghut.ta.conditions import Moves
from torghut.ta.indicator import Context, Indicator, Value
from torghut.ta.indicators import Bollinger, Ema, Macd, RealizedVolatility, Rsi
from torghut.ta.sessions import session_at
from torghut.ta.vwap import RollingVwap, SessionVwap


def run(indicator: Indicator[Any], bars: list[SecondBar]) -> list[Value]:
    state, values = indicator.start(), []
    for bar in bars:
        state, value = indicator.step(state, bar, Context(session_at("us_equities", bar.second)))
        values.append(value)
    return values


def over(indicator: Indicator[Any], prices: list[float]) -> list[Any]:
    return run(indicator, [bar_of(T0 + i, price) for i, price in enumerate(prices)])


def same(ours: list[float | None], theirs: Any, tolerance: float = 1e-9) -> None:
    theirs = [None if x is None or math.isnan(x) else float(x) for x in theirs]
    assert [x is None for x in ours] == [x is None for x in theirs]
    for x, y in zip(ours, theirs, strict=True):
        assert x is None or x == pytest.approx(y, rel=tolerance, abs=tolerance)


@given(closes)
def test_ema_is_that_of_ta_lib(prices: list[float]) -> None:
    same(over(Ema(12), prices), talib.EMA(np.array(prices), 12))


@given(closes)
def test_ema_is_that_of_talipp(prices: list[float]) -> None:
    same(over(Ema(26), prices), list(EMA(26, prices)))


@given(closes)
def test_macd_is_that_of_talipp(prices: list[float]) -> None:
    ours = over(Macd(), prices)
    theirs = list(MACD(12, 26, 9, prices))
    for ours_key, theirs_key in (("macd", "macd"), ("signal", "signal"), ("hist", "histogram")):
        same([x[ours_key] for x in ours], [getattr(x, theirs_key, None) for x in theirs])


@given(st.lists(st.integers(100, 10_000).map(float), min_size=600, max_size=600))
@settings(max_examples=10)
def test_macd_meets_ta_lib_after_the_warm_up_where_conventions_differ(prices: list[float]) -> None:
    macd, signal, _ = talib.MACD(np.array(prices))
    ours = over(Macd(), prices)[-1]
    assert ours["macd"] == pytest.approx(macd[-1], abs=1e-9)
    assert ours["signal"] == pytest.approx(signal[-1], abs=1e-9)


@given(closes)
def test_rsi_is_that_of_ta_lib(prices: list[float]) -> None:
    assume(len(set(prices[:15])) > 1)  # TA-Lib says 0 where nothing moved
    same(over(Rsi(14), prices), talib.RSI(np.array(prices), 14))


@given(closes)
def test_rsi_is_that_of_talipp(prices: list[float]) -> None:
    assume(len(set(prices[:15])) > 1)
    same(over(Rsi(14), prices), list(RSI(14, prices)))


@given(closes)
def test_bollinger_is_that_of_ta_lib(prices: list[float]) -> None:
    ours = over(Bollinger(), prices)
    for key, theirs in zip(("upper", "mid", "lower"), talib.BBANDS(np.array(prices), 20, 2.0, 2.0), strict=True):
        # Its running sums of squares lose digits, which the root of a small variance shows.
        same([x[key] for x in ours], theirs, 1e-9 if key == "mid" else 1e-6)


@given(closes)
def test_bollinger_is_that_of_talipp(prices: list[float]) -> None:
    ours, theirs = over(Bollinger(), prices), list(BB(20, 2, prices))
    for ours_key, theirs_key in (("mid", "cb"), ("upper", "ub"), ("lower", "lb")):
        same([x[ours_key] for x in ours], [getattr(x, theirs_key, None) for x in theirs])


def test_rsi_is_100_without_losses() -> None:
    assert over(Rsi(14), [float(i) for i in range(1, 17)])[-1] == 100.0


def test_rsi_is_0_without_gains() -> None:
    assert over(Rsi(14), [float(i) for i in range(17, 1, -1)])[-1] == 0.0


def test_rsi_is_50_without_any_movement() -> None:
    assert over(Rsi(14), [5.0] * 20)[13:16] == [None, 50.0, 50.0]


def test_bollinger_keeps_its_digits_where_prices_are_large_and_quiet() -> None:
    prices = [999_999_999.0 + (i % 2) * 1e-3 for i in range(1000)]
    last = over(Bollinger(), prices)[-1]
    deviation = np.std(np.array([round((p - 999_999_999.0) * 1e3) for p in prices[-20:]])) / 1e3
    assert (last["upper"] - last["lower"]) / 4 == pytest.approx(deviation, rel=1e-3)


def test_bands_of_a_constant_price_lie_on_it() -> None:
    assert over(Bollinger(), [0.1] * 25)[-1] == {"mid": 0.1, "upper": 0.1, "lower": 0.1}


@pytest.mark.parametrize("indicator", [Ema(12), Macd(), Rsi(14), Bollinger()], ids=lambda i: i.name)
def test_a_bar_without_a_close_carries_a_price_indicator_over(indicator: Indicator[Any]) -> None:
    bars = [bar_of(T0 + i, 10.0 + i % 7) for i in range(40)]
    silent = partial_of([a_print(T0 + 40, 99.0)], Moves.VOLUME).finish()
    following = bar_of(T0 + 41, 12.0)
    values = run(indicator, [*bars, silent, following])
    assert values[-2] == values[-3]
    assert values[-1] == run(indicator, [*bars, following])[-1]


def test_price_indicators_run_on_across_gaps() -> None:
    prices = [10.0 + i % 7 for i in range(40)]
    gapped = [bar_of(T0 + i * 5000, price) for i, price in enumerate(prices)]
    assert run(Ema(12), gapped) == over(Ema(12), prices)


def test_session_vwap_is_exact_and_starts_anew_with_the_session() -> None:
    opening = int(session_at("us_equities", T0).end)
    bars = [bar_of(opening - 2, 0.1, 3.0), bar_of(opening - 1, 0.2, 1.0), bar_of(opening, 7.0, 2.0)]
    assert run(SessionVwap(), bars) == [0.1, 0.125, 7.0]


def test_volume_without_a_price_counts_to_both_vwaps() -> None:
    silent = partial_of([a_print(T0 + 1, 20.0, 1.0)], Moves.VOLUME).finish()
    bars = [bar_of(T0, 10.0, 1.0), silent]
    assert run(SessionVwap(), bars)[-1] == run(RollingVwap(), bars)[-1] == 15.0


def test_the_five_minutes_are_clock_time_and_include_the_bars_own_second() -> None:
    bars = [bar_of(T0, 10.0), bar_of(T0 + 299, 20.0), bar_of(T0 + 300, 30.0), bar_of(T0 + 9000, 5.0)]
    assert run(RollingVwap(), bars) == [10.0, 15.0, 25.0, 5.0]


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 10**6), st.integers(1, 10**4)), max_size=80))
def test_rolling_vwap_is_that_of_its_window_alone(steps: list[tuple[int, int, int]]) -> None:
    second, bars = T0, []
    for gap, cents, shares in steps:
        second += gap
        bars.append(bar_of(second, cents / 100, float(shares)))
    for index, value in enumerate(run(RollingVwap(), bars)):
        window = [b for b in bars[: index + 1] if b.second > bars[index].second - 300]
        assert value == sum(b.notional for b in window) / (sum(b.volume for b in window) * 10**9)


def volatility_by_definition(bars: list[SecondBar]) -> list[float | None]:
    """Second by second, carrying the close."""
    prices, close, at = {}, 0.0, {bar.second: bar for bar in bars}
    for second in range(bars[0].second, bars[-1].second + 1):
        if second in at:
            close = at[second].values.c or close
        prices[second] = close
    found: list[float | None] = []
    for bar in bars:
        if bar.second - bars[0].second < 60:
            found.append(None)
            continue
        squares = [math.log(prices[s] / prices[s - 1]) ** 2 for s in range(bar.second - 59, bar.second + 1)]
        found.append(math.sqrt(math.fsum(squares)))
    return found


@given(st.lists(st.tuples(st.integers(1, 25), st.integers(100, 10**6)), min_size=1, max_size=60))
def test_realized_volatility_is_that_of_sixty_seconds_one_by_one(steps: list[tuple[int, int]]) -> None:
    second, bars = T0, []
    for gap, cents in steps:
        second += gap
        bars.append(bar_of(second, cents / 100))
    same(run(RealizedVolatility(), bars), volatility_by_definition(bars))  # type: ignore[arg-type] # one number each


def test_realized_volatility_is_null_until_sixty_seconds_have_passed_and_0_in_a_still_market() -> None:
    assert over(RealizedVolatility(), [5.0] * 62)[58:] == [None, None, 0.0, 0.0]


def test_a_gap_of_hours_leaves_only_its_own_jump_in_the_volatility() -> None:
    bars = [*(bar_of(T0 + i, 10.0 + i % 3) for i in range(70)), bar_of(T0 + 20_000, 20.0)]
    jump = abs(math.log(20.0 / bars[69].values.c)) if bars[69].values.c else 0.0
    assert run(RealizedVolatility(), bars)[-1] == pytest.approx(jump)


ALL = [Ema(12), Macd(), Rsi(14), Bollinger(), SessionVwap(), RollingVwap(), RealizedVolatility()]


@pytest.mark.parametrize("indicator", ALL, ids=lambda i: i.name)
def test_a_state_read_back_is_the_same_to_the_last_bit(indicator: Indicator[Any]) -> None:
    state = indicator.start()
    for i in range(400):
        assert indicator.load(indicator.dump(state)) == state
        bar = bar_of(T0 + i * (1 + i % 3), 10.0 + math.sin(i), 0.1 + i % 5)
        state, _ = indicator.step(state, bar, Context(session_at("us_equities", bar.second)))


def test_sums_beyond_64_bits_are_kept_in_state() -> None:
    indicator = RollingVwap()
    state, _ = indicator.step(
        indicator.start(), bar_of(T0, 999_999_999.123456, 9_999_999_999.0), Context(session_at("crypto", T0))
    )
    assert indicator.load(indicator.dump(state)) == state
