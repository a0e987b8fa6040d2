"""All indicators of a job together: those of the contract, and those that others installed.

Other packages add an indicator by an entry point of the group `torghut.indicators`; its value appears in the signal
under `custom`, keyed by its name. Nothing of the job changes. docs/indicators.md shows a complete one.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from math import isfinite
from typing import Any, Final

import msgspec

from torghut.ta.bars import NS, SecondBar
from torghut.ta.errors import IndicatorError, StateVersionError
from torghut.ta.indicator import Context, Indicator, Value
from torghut.ta.indicators import Bollinger, Ema, Macd, RealizedVolatility, Rsi
from torghut.ta.quotes import NO_QUOTE, Quote
from torghut.ta.sessions import SessionPlan, session_at
from torghut.ta.vwap import RollingVwap, SessionVwap
from torghut.wire import envelope as wire

GROUP: Final = "torghut.indicators"
_VERSION: Final = 1


class States(msgspec.Struct, frozen=True, gc=False):
    """One state of each indicator, in the suite's order, and the session (its start) of the last bar."""

    session: int
    each: tuple[Any, ...]


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    session: int
    each: list[tuple[str, int, bytes]]


class Suite:
    """The indicators, in order, and how they make a signal. Immutable: shared by all symbols."""

    def __init__(
        self, plan: SessionPlan, custom: Iterable[Indicator[Any]] = (), *, reset_on_session: bool = False
    ) -> None:
        """`plan`: where sessions begin. `reset_on_session`: all indicators start anew there (`TA_RESET_ON_SESSION`).

        Raises:
            IndicatorError: a name is taken or is no identifier, or a version is no integer.
        """
        self.plan: Final = plan
        self.reset_on_session: Final = reset_on_session
        own: tuple[Indicator[Any], ...] = (
            Ema(12),
            Ema(26),
            Macd(),
            Rsi(),
            Bollinger(),
            SessionVwap(),
            RollingVwap(),
            RealizedVolatility(),
        )
        self._own: Final = len(own)
        self.indicators: Final = (*own, *custom)
        self._steps: Final = tuple(indicator.step for indicator in self.indicators)
        self._check()

    def _check(self) -> None:
        seen: set[str] = set()
        for indicator in self.indicators:
            if not str(indicator.name).isidentifier() or not isinstance(indicator.version, int):
                raise IndicatorError(
                    f"{indicator!r}: wanted an identifier as name and an integer as version, "
                    f"got {indicator.name!r} and {indicator.version!r}"
                )
            if indicator.name in seen:
                raise IndicatorError(f"two indicators are named {indicator.name!r}: rename one")
            seen.add(indicator.name)

    def start(self, session: int = 0) -> States:
        """The states before the first bar."""
        return States(session, tuple(indicator.start() for indicator in self.indicators))

    def step(self, states: States, bar: SecondBar, quote: Quote | None) -> tuple[States, wire.Signal]:
        """The states after the bar, and its signal.

        Raises:
            IndicatorError: an indicator failed on this bar; `states` still stand.
        """
        session = session_at(self.plan, bar.second)
        if self.reset_on_session and session.start != states.session:
            states = self.start(session.start)
        context = Context(session, quote)
        each, values = [], []
        try:
            for step, state in zip(self._steps, states.each, strict=True):
                after, value = step(state, bar, context)
                each.append(after)
                values.append(value)
        except Exception as error:
            name = self.indicators[len(each)].name
            raise IndicatorError(f"indicator {name!r} failed on second {bar.second}: {error!r}") from error
        return States(session.start, tuple(each)), self._signal(bar, values, quote)

    def _signal(self, bar: SecondBar, values: list[Any], quote: Quote | None) -> wire.Signal:
        ema12, ema26, macd, rsi, bands, session, rolling, volatility = values[: self._own]
        return wire.Signal(
            close=bar.values.c,
            ema=wire.Ema(ema12, ema26),
            macd=wire.Macd(**macd),
            rsi14=rsi,
            bollinger=wire.Bollinger(**bands),
            vwap=wire.Vwap(session, rolling),
            realized_vol_60s=volatility,
            quote=NO_QUOTE if quote is None else quote.state_at((bar.second + 1) * NS),
            custom=self._custom(values) if len(values) > self._own else msgspec.UNSET,
        )

    def _custom(self, values: list[Any]) -> dict[str, Value]:
        own = self._own
        return {
            indicator.name: _finite(value) for indicator, value in zip(self.indicators[own:], values[own:], strict=True)
        }

    def dump(self, states: States) -> bytes:
        """The states as bytes, each under its indicator's name and version."""
        each = [(i.name, i.version, i.dump(state)) for i, state in zip(self.indicators, states.each, strict=True)]
        return msgspec.msgpack.encode((_VERSION, _Saved(states.session, each)))

    def load(self, data: bytes) -> States:
        """The states of the bytes. An indicator that was not there before starts anew; one that is gone is dropped.

        Raises:
            StateVersionError: the bytes are not such, or of a version that this code or an indicator cannot read.
        """
        try:
            version, rest = msgspec.msgpack.decode(data, type=tuple[int, msgspec.Raw])
            if version != _VERSION:
                raise StateVersionError(f"indicators: this code reads state of version {_VERSION}, got {version}")
            saved = msgspec.msgpack.decode(rest, type=_Saved)
        except msgspec.MsgspecError as error:
            raise StateVersionError(f"indicators: wanted a snapshot of version {_VERSION}: {error}") from error
        known = {name: (version, state) for name, version, state in saved.each}
        return States(saved.session, tuple(_load(indicator, known) for indicator in self.indicators))


def _load(indicator: Indicator[Any], known: dict[str, tuple[int, bytes]]) -> Any:  # noqa: ANN401 - its own state type
    version, data = known.get(indicator.name, (None, b""))
    if version is None:
        return indicator.start()
    if version != indicator.version:
        raise StateVersionError(
            f"indicator {indicator.name!r}: this code reads state of version {indicator.version}, got {version}; "
            "start from a savepoint of that version, or without state"
        )
    try:
        return indicator.load(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateVersionError(f"indicator {indicator.name!r}: its state cannot be read: {error}") from error


def _finite(value: Value) -> Value:
    """The value of an indicator that is not ours, with null for NaN and infinite."""
    if isinstance(value, dict):
        return {key: number if number is not None and isfinite(number) else None for key, number in value.items()}
    return value if value is not None and isfinite(value) else None


def installed_indicators() -> tuple[Indicator[Any], ...]:
    """What other packages registered under `torghut.indicators`, by name: each a class or function without arguments.

    Raises:
        IndicatorError: one of them cannot be loaded.
    """
    found = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            found.append(entry.load()())
        except Exception as error:
            raise IndicatorError(f"entry point {entry.name} = {entry.value} cannot be loaded: {error!r}") from error
    return tuple(found)
