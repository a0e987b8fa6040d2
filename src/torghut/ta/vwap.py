"""Volume-weighted average prices: of the trading session, and of the last minutes. Exact sums, so no drift.

Both use every print that counts to volume, also in seconds without a close.
"""

from __future__ import annotations

from math import gcd
from typing import Final

import msgspec

from torghut.ta.bars import SecondBar
from torghut.ta.indicator import Context, Value
from torghut.ta.scaled import MONEY_UNIT, UNIT


class SessionVwapState(msgspec.Struct, frozen=True, gc=False):
    """The session (its start, seconds since the epoch) and its exact sums, scaled."""

    session: int = 0
    volume: int = 0
    notional: int = 0


def vwap_of(notional: int, volume: int) -> float | None:
    """The volume-weighted price of exact sums, correctly rounded; None without volume."""
    return notional / (volume * UNIT) if volume else None


class SessionVwap:
    """VWAP since the trading session began."""

    version = 1
    name = "vwap_session"

    def start(self) -> SessionVwapState:
        """No bar seen."""
        return SessionVwapState()

    def step(self, state: SessionVwapState, bar: SecondBar, context: Context) -> tuple[SessionVwapState, Value]:
        """The price; None in a session without volume yet."""
        volume, notional = bar.volume, bar.notional
        if state.session == context.session.start:
            volume, notional = state.volume + volume, state.notional + notional
        return SessionVwapState(context.session.start, volume, notional), vwap_of(notional, volume)

    def dump(self, state: SessionVwapState) -> bytes:
        """As text: the sums outgrow MessagePack's integers."""
        return f"{state.session} {state.volume} {state.notional}".encode()

    def load(self, data: bytes) -> SessionVwapState:
        """What `dump` wrote. Raises ValueError when it is something else."""
        session, volume, notional = map(int, data.split())
        return SessionVwapState(session, volume, notional)


class RollingVwapState(msgspec.Struct, frozen=True, gc=False):
    """The window's bars as columns, and their exact sums. All columns have the same length."""

    seconds: tuple[int, ...] = ()
    volumes: tuple[int, ...] = ()
    notionals: tuple[int, ...] = ()
    volume: int = 0
    notional: int = 0


class _Columns(msgspec.Struct, frozen=True, array_like=True):
    """State form: seconds before the last one, numbers in units of their common divisor."""

    last: int
    ages: list[int]
    volume_unit: int
    volumes: list[int | str]
    notional_unit: int
    notionals: list[int | str]


class RollingVwap:
    """VWAP of the last `span` clock seconds, the bar's own second included."""

    version = 1

    def __init__(self, span: int = 300, name: str = "vwap_5m") -> None:
        self.span: Final = span
        self.name = name

    def start(self) -> RollingVwapState:
        """No bar seen."""
        return RollingVwapState()

    def step(self, state: RollingVwapState, bar: SecondBar, _context: Context) -> tuple[RollingVwapState, Value]:
        """The price; None while the window has no volume."""
        seconds, expired, horizon = state.seconds, 0, bar.second - self.span
        volume, notional = state.volume + bar.volume, state.notional + bar.notional
        while expired < len(seconds) and seconds[expired] <= horizon:
            volume -= state.volumes[expired]
            notional -= state.notionals[expired]
            expired += 1
        state = RollingVwapState(
            (*seconds[expired:], bar.second),
            (*state.volumes[expired:], bar.volume),
            (*state.notionals[expired:], bar.notional),
            volume,
            notional,
        )
        return state, vwap_of(notional, volume)

    def dump(self, state: RollingVwapState) -> bytes:
        """About 9 bytes for each second with a bar."""
        last = state.seconds[-1] if state.seconds else 0
        volume_unit, volumes = _shortened(state.volumes, UNIT)
        notional_unit, notionals = _shortened(state.notionals, MONEY_UNIT)
        columns = _Columns(
            last, [last - second for second in state.seconds], volume_unit, volumes, notional_unit, notionals
        )
        return msgspec.msgpack.encode(columns)

    def load(self, data: bytes) -> RollingVwapState:
        """What `dump` wrote. Raises msgspec.MsgspecError or ValueError when it is something else."""
        columns = msgspec.msgpack.decode(data, type=_Columns)
        volumes = tuple(int(x) * columns.volume_unit for x in columns.volumes)
        notionals = tuple(int(x) * columns.notional_unit for x in columns.notionals)
        return RollingVwapState(
            tuple(columns.last - age for age in columns.ages), volumes, notionals, sum(volumes), sum(notionals)
        )


def _shortened(numbers: tuple[int, ...], largest: int) -> tuple[int, list[int | str]]:
    """A unit that divides all of them, and the numbers in it (as text beyond 64 bits)."""
    unit = gcd(largest, *numbers)
    short = [number // unit for number in numbers]
    return unit, [*short] if max(short, default=0) < 1 << 63 else [str(number) for number in short]
