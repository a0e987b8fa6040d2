from __future__ import annotations

import math
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from tests.unit.ta.series import T0, bar_of, quote_of, walks

from torghut.ta import suite as suite_module
from torghut.ta.bars import Partial, SecondBar
from torghut.ta.errors import IndicatorError, StateVersionError
from torghut.ta.indicator import Context, Indicator, PlainState, Value
from torghut.ta.sessions import session_at
from torghut.ta.suite import Suite, installed_indicators
from torghut.wire.envelope import QuoteState, Signal


class Range(PlainState[tuple[float, ...]]):
    """An indicator as a user writes one: the span of the last three closes."""

    state_type = tuple[float, ...]
    name = "range3"
    version = 1

    def start(self) -> tuple[float, ...]:
        return ()

    def step(self, state: tuple[float, ...], bar: SecondBar, _context: Context) -> tuple[tuple[float, ...], Value]:
        if bar.close is not None:
            state = (*state[-2:], bar.close)
        return state, max(state) - min(state) if len(state) == 3 else None


class Says(PlainState[None]):
    """Gives the same value for every bar."""

    state_type = None

    def __init__(self, value: Any, name: str = "says", version: Any = 1) -> None:
        self.value, self.name, self.version = value, name, version

    def start(self) -> None:
        return None

    def step(self, state: None, _bar: SecondBar, _context: Context) -> tuple[None, Value]:
        if isinstance(self.value, Exception):
            raise self.value
        return state, self.value


def signals(suite: Suite, bars: list[SecondBar]) -> list[Signal]:
    states, found = suite.start(), []
    for bar in bars:
        states, signal = suite.step(states, bar, None)
        found.append(signal)
    return found


def bars(count: int, first: int = T0) -> list[SecondBar]:
    return [bar_of(first + i, 10.0 + i % 7) for i in range(count)]


def test_a_signal_has_the_names_of_the_contract() -> None:
    signal = signals(Suite("us_equities"), bars(1))[0]
    assert msgspec.json.decode(msgspec.json.encode(signal)) == {
        "close": 10.0,
        "ema": {"12": None, "26": None},
        "macd": {"macd": None, "signal": None, "hist": None},
        "rsi14": None,
        "bollinger": {"mid": None, "upper": None, "lower": None},
        "vwap": {"session": 10.0, "5m": 10.0},
        "realized_vol_60s": None,
        "quote": dict.fromkeys(("bid", "ask", "bid_size", "ask_size", "spread", "imbalance", "age_ms")),
    }


def test_the_quote_of_a_signal_is_as_old_as_at_the_windows_end() -> None:
    suite = Suite("us_equities")
    _, signal = suite.step(suite.start(), bar_of(T0, 10.0), quote_of(T0, at=250_000_000))
    assert signal.quote == QuoteState(10.0, 10.5, 300.0, 100.0, 0.5, 0.5, 750.0)


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for part in value.values() for number in numbers_in(part)]
    return [] if value is None else [value]


@settings(max_examples=40)
@given(walks())
def test_no_value_is_ever_nan_or_infinite(walk: list[Partial]) -> None:
    for signal in signals(Suite("us_equities"), [partial.finish() for partial in walk]):
        assert all(math.isfinite(number) for number in numbers_in(msgspec.to_builtins(signal)))


def test_a_new_session_resets_all_only_when_asked() -> None:
    opening = session_at("us_equities", T0).end
    run = [*bars(30, opening - 30), bar_of(opening, 11.0)]
    running, reset = (signals(Suite("us_equities", reset_on_session=on), run) for on in (False, True))
    assert running[:-1] == reset[:-1]
    assert running[-1].ema.ema12 is not None
    assert reset[-1] == signals(Suite("us_equities"), run[-1:])[0]


def test_an_installed_indicator_appears_under_custom(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("range3", f"{__name__}:Range", "torghut.indicators")
    monkeypatch.setattr(suite_module, "entry_points", lambda group: [entry] if group == entry.group else [])
    found = signals(Suite("us_equities", installed_indicators()), bars(4))
    assert [signal.custom for signal in found] == [{"range3": None}, {"range3": None}, {"range3": 2.0}, {"range3": 2.0}]


def test_the_example_of_the_documentation_works(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[3] / "docs" / "indicators.md").read_text()
    module = ModuleType("my_signals.momentum")
    exec(text.split("```python\n")[1].split("```")[0], module.__dict__)  # noqa: S102 - our own text
    monkeypatch.setitem(sys.modules, "my_signals", ModuleType("my_signals"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    _, name, value = text.split("```toml\n")[1].split("```")[0].strip().split("\n")[-1].partition("momentum10")
    entry = EntryPoint(name, value.split('"')[1], suite_module.GROUP)
    monkeypatch.setattr(suite_module, "entry_points", lambda **_: [entry])
    suite = Suite("crypto", installed_indicators())
    run = [bar_of(T0 + i, 100.0 + i) for i in range(12)]
    assert [signal.custom for signal in signals(suite, run)][9:] == [
        {"momentum10": None},
        {"momentum10": pytest.approx(10.0)},
        {"momentum10": pytest.approx(100 * (111 / 101 - 1))},
    ]
    assert suite.load(suite.dump(suite.start())) == suite.start()


def test_an_entry_point_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("broken", "no_such_module_here:Thing", "torghut.indicators")
    monkeypatch.setattr(suite_module, "entry_points", lambda **_: [entry])
    with pytest.raises(IndicatorError, match="broken = no_such_module_here:Thing"):
        installed_indicators()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_of_an_installed_indicator_become_null(value: float) -> None:
    found = signals(Suite("crypto", [Says(value), Says({"a": value, "b": 1.0}, "two")]), bars(1))
    assert found[0].custom == {"says": None, "two": {"a": None, "b": 1.0}}


def test_a_failing_indicator_is_named_and_its_error_kept() -> None:
    cause = ZeroDivisionError("ouch")
    with pytest.raises(IndicatorError, match="'says' failed on second") as caught:
        signals(Suite("crypto", [Says(cause)]), bars(1))
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    "indicator", [Says(1.0, "macd"), Says(1.0, "not a name"), Says(1.0, "says", version="1")], ids=lambda i: i.name
)
def test_a_badly_defined_indicator_is_refused_at_the_start(indicator: Indicator[Any]) -> None:
    with pytest.raises(IndicatorError):
        Suite("crypto", [indicator])


@settings(max_examples=30)
@given(walks(max_size=20))
def test_states_read_back_are_the_same_to_the_last_bit(walk: list[Partial]) -> None:
    suite = Suite("us_equities", [Range()])
    states = suite.start()
    for partial in walk:
        states, _ = suite.step(states, partial.finish(), None)
        assert suite.load(suite.dump(states)) == states


def test_an_indicator_that_is_new_starts_anew_and_one_that_is_gone_is_dropped() -> None:
    plain, more = Suite("crypto"), Suite("crypto", [Range()])
    states, _ = plain.step(plain.start(), bar_of(T0, 10.0), None)
    assert more.load(plain.dump(states)).each == (*states.each, ())
    assert plain.load(more.dump(more.load(plain.dump(states)))) == states


def test_a_state_of_another_version_is_refused_by_name() -> None:
    old, new = Suite("crypto", [Says(1.0)]), Suite("crypto", [Says(1.0, version=2)])
    with pytest.raises(StateVersionError, match="'says': this code reads state of version 2, got 1"):
        new.load(old.dump(old.start()))


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x92\x63\x90", b"\x92\x01\x90"])
def test_bytes_that_are_no_snapshot_are_refused(data: bytes) -> None:
    with pytest.raises(StateVersionError):
        Suite("crypto").load(data)


def test_a_damaged_state_is_refused_by_name() -> None:
    suite = Suite("crypto")
    data = suite.dump(suite.start()).replace(b"0 0 0", b"0 x 0")
    with pytest.raises(StateVersionError, match="'vwap_session'"):
        suite.load(data)


def test_a_bar_of_no_prints_moves_nothing() -> None:
    run = bars(40)
    empty = Partial.empty(T0 + 40).finish()
    last, after = signals(Suite("us_equities"), [*run, empty])[-2:]
    assert after == msgspec.structs.replace(last, close=None)
