"""Against published values: `data/indicators`, described by its README. Skipped where the folder is absent."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.unit.ta.series import T0, bar_of

from torghut.ta.bars import Partial, Print, SecondBar
from torghut.ta.conditions import Moves
from torghut.ta.errors import BadNumberError
from torghut.ta.indicator import Context, Indicator
from torghut.ta.indicators import Bollinger, Ema, Macd, Rsi
from torghut.ta.scaled import parse_scaled, scaled
from torghut.ta.sessions import session_at
from torghut.ta.signals import SignalState
from torghut.ta.suite import Suite
from torghut.ta.vwap import SessionVwap
from torghut.wire.envelope import Signal

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "indicators"
MIDNIGHT = T0 - T0 % 86_400

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the reference values (shared/data/indicators) are not here")


def quotes(name: str) -> list[dict[str, str]]:
    with (DATA / "quotes" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def expected(name: str) -> list[dict[str, float | None]]:
    found: list[dict[str, float | None]] = json.loads((DATA / "results" / f"{name}.standard.json").read_text())
    return found


def typical_bar(second: int, row: dict[str, str]) -> SecondBar:
    """A bar whose volume-weighted price is (high + low + close) / 3, as the VWAP references were made."""
    bar = bar_of(second, float(row["close"]), float(row["volume"]))
    typical_times_3 = sum(parse_scaled(row[key]) for key in ("high", "low", "close"))
    return SecondBar(bar.second, bar.values, bar.volume, typical_times_3 * bar.volume // 3)


def values(indicator: Indicator[Any]) -> list[Any]:
    state, found = indicator.start(), []
    for i, row in enumerate(quotes("default")):
        bar = typical_bar(MIDNIGHT + i, row)
        state, value = indicator.step(state, bar, Context(session_at("crypto", bar.second)))
        found.append(value)
    return found


def agree(ours: list[float | None], theirs: list[float | None]) -> None:
    assert len(ours) == len(theirs) == 502
    assert [x is None for x in ours] == [x is None for x in theirs]
    differences = [abs(x - y) for x, y in zip(ours, theirs, strict=True) if x is not None and y is not None]
    assert max(differences) < 1e-9


def test_ema() -> None:
    agree(values(Ema(20)), [row["ema"] for row in expected("ema")])


def test_rsi() -> None:
    agree(values(Rsi(14)), [row["rsi"] for row in expected("rsi")])


@pytest.mark.parametrize(("ours", "theirs"), [("macd", "macd"), ("signal", "signal"), ("hist", "histogram")])
def test_macd(ours: str, theirs: str) -> None:
    agree([value[ours] for value in values(Macd())], [row[theirs] for row in expected("macd")])


@pytest.mark.parametrize(("length", "theirs"), [(12, "fastEma"), (26, "slowEma")])
def test_the_averages_of_macd(length: int, theirs: str) -> None:
    agree(values(Ema(length)), [row[theirs] for row in expected("macd")])


@pytest.mark.parametrize(("ours", "theirs"), [("mid", "sma"), ("upper", "upperBand"), ("lower", "lowerBand")])
def test_bollinger(ours: str, theirs: str) -> None:
    agree([value[ours] for value in values(Bollinger())], [row[theirs] for row in expected("bb")])


def test_vwap() -> None:
    agree(values(SessionVwap()), [row["vwap"] for row in expected("vwap")])


def numbers_of(signal: Signal) -> list[float]:
    parts = [signal.close, signal.rsi14, signal.realized_vol_60s]
    for part in (signal.ema, signal.macd, signal.bollinger, signal.vwap):
        parts += [getattr(part, name) for name in part.__struct_fields__]
    return [number for number in parts if number is not None]


@pytest.mark.parametrize(("name", "fewest_refused"), [("intraday", 0), ("bad", 100), ("zeros", 200)])
def test_hostile_series_are_refused_row_by_row_and_never_give_nan(name: str, fewest_refused: int) -> None:
    state, refused = SignalState(Suite("us_equities")), 0
    for i, row in enumerate(quotes(name)):
        try:
            trade = Print((T0 + i) * 10**9, i, parse_scaled(row["close"]), scaled(float(row["volume"])), i)
            result = state.apply(Partial.from_print(trade, Moves.EVERYTHING), None)
        except (BadNumberError, ValueError):
            refused += 1
            continue
        assert result is not None
        assert all(math.isfinite(number) for number in numbers_of(result.signal))
    assert fewest_refused <= refused
    assert name != "intraday" or refused == 0
