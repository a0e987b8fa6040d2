"""Minute bars of the synthetic market, by Alpaca's rules: which print moves which field.

Rules: CTA and UTP plan specifications and Alpaca's description of its bars; the most restrictive condition of a
print wins. This is the simulator's own small aggregation: it exists to have bars in the stream, not to judge others.
"""

from __future__ import annotations

from typing import Final

import msgspec

from torghut.wire.times import NS_PER_S

MINUTE_NS: Final = 60 * NS_PER_S

_NOTHING: Final = frozenset("MQ9")
_VOLUME_ONLY: Final = frozenset("ICNRHV7U")
_NO_OPEN_CLOSE: Final = frozenset("PZ4")


class Moves(msgspec.Struct, frozen=True):
    """What a print may move."""

    open_close: bool
    high_low: bool
    volume: bool


def moves(conditions: tuple[str, ...], tape: str, *, regular_session: bool) -> Moves:
    """What a print with these conditions may move."""
    codes = frozenset(conditions)
    average = "W" if tape == "C" else "B"
    if codes & _NOTHING:
        return Moves(open_close=False, high_low=False, volume=False)
    if codes & _VOLUME_ONLY or (average in codes and tape) or ("T" in codes and regular_session):
        return Moves(open_close=False, high_low=False, volume=True)
    if codes & _NO_OPEN_CLOSE:
        return Moves(open_close=False, high_low=True, volume=True)
    return Moves(open_close=True, high_low=True, volume=True)


class Print(msgspec.Struct, frozen=True, gc=False):
    """A trade as the bars see it: event time, price and size as scaled integers."""

    trade_id: int
    t: int
    price: int
    size: int
    moves: Moves


class Bar(msgspec.Struct, frozen=True):
    """One minute's values as they are told, scaled integers; `t` is its start. Equal bars need no update."""

    symbol: str
    t: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    count: int
    average: int


class MinuteBars:
    """Collects prints by symbol and minute; gives the bars of a minute when asked, and again what changed since."""

    def __init__(self) -> None:
        self._prints: dict[tuple[str, int], dict[int, Print]] = {}
        self._given: dict[tuple[str, int], Bar] = {}

    def add(self, symbol: str, new: Print) -> None:
        """A trade happened."""
        self._minute(symbol, new.t)[new.trade_id] = new

    def remove(self, symbol: str, t: int, trade_id: int) -> None:
        """A trade of that event time was cancelled or replaced."""
        self._minute(symbol, t).pop(trade_id, None)

    def close(self, minute: int) -> list[Bar]:
        """The bars of the minute that starts then."""
        bars = self._bars(minute)
        self._given |= {(bar.symbol, minute): bar for bar in bars}
        return bars

    def revise(self, minute: int) -> list[Bar]:
        """The bars of the minute that are not what `close` gave; forgets the minute."""
        changed = [bar for bar in self._bars(minute) if self._given.get((bar.symbol, minute)) != bar]
        for known in (self._prints, self._given):
            for key in [key for key in known if key[1] <= minute]:
                del known[key]
        return changed

    def _minute(self, symbol: str, t: int) -> dict[int, Print]:
        return self._prints.setdefault((symbol, t - t % MINUTE_NS), {})

    def _bars(self, minute: int) -> list[Bar]:
        found = ((key[0], prints) for key, prints in self._prints.items() if key[1] == minute)
        bars = (_bar(symbol, minute, list(prints.values())) for symbol, prints in found)
        return [bar for bar in bars if bar is not None]


def _bar(symbol: str, minute: int, prints: list[Print]) -> Bar | None:
    counted = [p for p in prints if p.moves.volume]
    ends = sorted((p for p in prints if p.moves.open_close), key=lambda p: p.t)
    extremes = [p.price for p in prints if p.moves.high_low]
    if not ends:
        return None  # Alpaca sends no bar for a minute without a price
    volume, turnover = sum(p.size for p in counted), sum(p.price * p.size for p in counted)
    return Bar(
        symbol=symbol,
        t=minute,
        open=ends[0].price,
        high=max(extremes),
        low=min(extremes),
        close=ends[-1].price,
        volume=volume,
        count=len(counted),
        average=round(turnover / volume) if volume else ends[-1].price,
    )
