"""The indicators of the contract. Formulas, seeds and sources are in docs/indicators.md.

Price indicators count bars that have a close and run on across gaps. Sums over a window are taken anew each time
(`fsum` is exact and knows no drift) or are sums of exact integers.
"""

from __future__ import annotations

from math import fsum, isfinite, log, sqrt
from typing import Final

import msgspec

from torghut.ta.bars import SecondBar
from torghut.ta.indicator import Context, PlainState, Value


class EmaState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`value` is the sum of the closes while `count` is below the length, the average from then on."""

    count: int = 0
    value: float = 0.0


def ema_step(state: EmaState, x: float, length: int) -> EmaState:
    """One more value: the mean of the first `length`, then `ema + 2 / (length + 1) * (x - ema)`."""
    count = state.count + 1
    if count > length:
        return EmaState(length, state.value + (x - state.value) * (2.0 / (length + 1)))
    total = state.value + x
    return EmaState(count, total / length if count == length else total)


def ema_value(state: EmaState, length: int) -> float | None:
    """The average; None during warm-up."""
    return state.value if state.count >= length else None


class Ema(PlainState[EmaState]):
    """Exponential moving average of the close over `length` bars, seeded with the mean of the first ones."""

    state_type = EmaState
    version = 1

    def __init__(self, length: int) -> None:
        self.length: Final = length
        self.name = f"ema{length}"

    def start(self) -> EmaState:
        """No bar seen."""
        return EmaState()

    def step(self, state: EmaState, bar: SecondBar, _context: Context) -> tuple[EmaState, Value]:
        """The average; None during the first `length` - 1 closes."""
        if (close := bar.values.c) is not None:
            state = ema_step(state, close, self.length)
        return state, ema_value(state, self.length)


class MacdState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The two averages of the close, and that of their difference."""

    fast: EmaState = EmaState()
    slow: EmaState = EmaState()
    signal: EmaState = EmaState()


class Macd(PlainState[MacdState]):
    """EMA `fast` minus EMA `slow`, an EMA over `signal` values of that, and the difference of the two."""

    state_type = MacdState
    version = 1
    name = "macd"

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        self.fast: Final = fast
        self.slow: Final = slow
        self.signal: Final = signal

    def start(self) -> MacdState:
        """No bar seen."""
        return MacdState()

    def step(self, state: MacdState, bar: SecondBar, _context: Context) -> tuple[MacdState, Value]:
        """`macd` from close `slow` on, `signal` and `hist` from close `slow` + `signal` - 1 on."""
        if (close := bar.values.c) is not None:
            fast, slow = ema_step(state.fast, close, self.fast), ema_step(state.slow, close, self.slow)
            smoothed = state.signal
            if slow.count >= self.slow:
                smoothed = ema_step(smoothed, fast.value - slow.value, self.signal)
            state = MacdState(fast, slow, smoothed)
        macd = state.fast.value - state.slow.value if state.slow.count >= self.slow else None
        signal = ema_value(state.signal, self.signal)
        return state, {
            "macd": macd,
            "signal": signal,
            "hist": None if macd is None or signal is None else macd - signal,
        }


class RsiState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`count` closes seen, the last one, and the averages (while seeding: sums) of gains and losses."""

    count: int = 0
    close: float = 0.0
    gain: float = 0.0
    loss: float = 0.0


class Rsi(PlainState[RsiState]):
    """Wilder's relative strength index over `length` changes: 100 without losses, 50 without any movement."""

    state_type = RsiState
    version = 1

    def __init__(self, length: int = 14) -> None:
        self.length: Final = length
        self.name = f"rsi{length}"

    def start(self) -> RsiState:
        """No bar seen."""
        return RsiState()

    def step(self, state: RsiState, bar: SecondBar, _context: Context) -> tuple[RsiState, Value]:
        """0 to 100; None during the first `length` closes."""
        if (close := bar.values.c) is not None:
            state = self._next(state, close)
        if state.count <= self.length:
            return state, None
        moved = state.gain + state.loss
        return state, 100.0 * (state.gain / moved) if moved else 50.0

    def _next(self, state: RsiState, close: float) -> RsiState:
        if not state.count:
            return RsiState(1, close)
        change, length = close - state.close, self.length
        up, down = (change, 0.0) if change > 0 else (0.0, -change)
        if state.count > length:
            return RsiState(
                state.count,
                close,
                (state.gain * (length - 1) + up) / length,
                (state.loss * (length - 1) + down) / length,
            )
        gain, loss = state.gain + up, state.loss + down
        if state.count == length:
            gain, loss = gain / length, loss / length
        return RsiState(state.count + 1, close, gain, loss)


class Bollinger(PlainState[tuple[float, ...]]):
    """Mean of the last `length` closes, and `width` population standard deviations around it. The state: the closes."""

    state_type = tuple[float, ...]
    version = 1
    name = "bollinger"

    def __init__(self, length: int = 20, width: float = 2.0) -> None:
        self.length: Final = length
        self.width: Final = width

    def start(self) -> tuple[float, ...]:
        """No bar seen."""
        return ()

    def step(self, state: tuple[float, ...], bar: SecondBar, _context: Context) -> tuple[tuple[float, ...], Value]:
        """`mid`, `upper`, `lower`; None during the first `length` - 1 closes."""
        if (close := bar.values.c) is not None:
            state = (*state[-self.length + 1 :], close)
        if len(state) < self.length:
            return state, {"mid": None, "upper": None, "lower": None}
        # Two passes over few values: a running sum of squares loses all digits where prices are large and quiet.
        mid = fsum(state) / self.length
        reach = self.width * sqrt(fsum([(x - mid) * (x - mid) for x in state]) / self.length)
        return state, {"mid": mid, "upper": mid + reach, "lower": mid - reach}


class VolatilityState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The second of the first close, the last close, and the window's squared log returns with their seconds.

    Seconds without movement are left out of `seconds` and `squares`.
    """

    first: int | None = None
    close: float = 0.0
    seconds: tuple[int, ...] = ()
    squares: tuple[float, ...] = ()


class RealizedVolatility(PlainState[VolatilityState]):
    """Root of the sum of squared log returns over the last `span` clock seconds; empty seconds carry the close."""

    state_type = VolatilityState
    version = 1

    def __init__(self, span: int = 60) -> None:
        self.span: Final = span
        self.name = f"realized_vol_{span}s"

    def start(self) -> VolatilityState:
        """No bar seen."""
        return VolatilityState()

    def step(self, state: VolatilityState, bar: SecondBar, _context: Context) -> tuple[VolatilityState, Value]:
        """Not annualised; None until `span` seconds have passed since the first close: that many returns exist."""
        seconds, squares, second = state.seconds, state.squares, bar.second
        expired = 0
        while expired < len(seconds) and seconds[expired] <= second - self.span:
            expired += 1
        if expired:
            seconds, squares = seconds[expired:], squares[expired:]
        first, last = state.first, state.close
        if (close := bar.values.c) is not None:
            if first is None:
                first = second
            elif close != last:
                moved = log(close / last)
                seconds, squares = (*seconds, second), (*squares, moved * moved)
            last = close
        state = VolatilityState(first, last, seconds, squares)
        return state, None if first is None or second - first < self.span else finite(sqrt(fsum(squares)))


def finite(value: float) -> float | None:
    """The value, or None where it is NaN or infinite."""
    return value if isfinite(value) else None
