"""What is traded in the synthetic market: tapes, prices, activity, and the conditions that prints carry.

Condition codes: CTA and UTP participant specifications. The tables say how often a kind of print is seen, not what it
moves; that is `minute_bars`' matter.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import Final

import msgspec

PRICE_SCALE: Final = 4
"""Prices are integers of 1e-4 dollars, so that nothing is ever rounded."""
CENT: Final = 100
SIZE_SCALE_CRYPTO: Final = 6
"""Crypto sizes are integers of 1e-6 coins."""

EXCHANGES: Final = ("V", "Q", "N", "P", "Z", "K", "B", "J", "D")
EXCHANGE_WEIGHTS: Final = tuple(accumulate((3, 16, 9, 10, 8, 7, 3, 2, 42)))
TRF: Final = "D"
"""FINRA's trade reporting facility: off-exchange prints, with prices within the cent."""

_TAPE: Final = {
    **dict.fromkeys(("IBM", "GE", "F", "BAC", "MKC", "NVR", "BRK.B"), "A"),
    **dict.fromkeys(("EEM", "XLF", "SLV", "SPY"), "B"),
}
_QUIET: Final = 0.01


class PrintKind(msgspec.Struct, frozen=True):
    """A kind of print: its conditions, and whether it is smaller than a round lot."""

    weight: float
    conditions: tuple[str, ...]
    odd_lot: bool = False


def _kinds(tape: str, *, regular_session: bool) -> tuple[PrintKind, ...]:
    plain = "@" if tape == "C" else " "
    average = "W" if tape == "C" else "B"
    if not regular_session:
        return (
            PrintKind(60, (plain, "T")),
            PrintKind(35, (plain, "T", "I"), odd_lot=True),
            PrintKind(4, (plain, "F", "T")),
            PrintKind(1, (plain, "U")),
        )
    common = (
        PrintKind(44, (plain,)),
        PrintKind(18, (plain, "F")),
        PrintKind(24, (plain, "I"), odd_lot=True),
        PrintKind(9, (plain, "F", "I"), odd_lot=True),
        PrintKind(1.2, (plain, average)),
        PrintKind(0.6, (plain, "P")),
        PrintKind(0.6, (plain, "Z")),
        PrintKind(0.6, (plain, "4")),
        PrintKind(0.4, (plain, "7", "V")),
        PrintKind(0.4, (plain, "X")),
        PrintKind(0.2, (plain, "T")),
        *(PrintKind(0.05, (plain, code)) for code in ("C", "N", "R", "H", "M", "Q", "9")),
    )
    # On tape C `B` is a bunched print, and ordinary.
    return (*common, PrintKind(0.6, (plain, "B"))) if tape == "C" else common


class PrintTable(msgspec.Struct, frozen=True):
    """Kinds of prints with their cumulated weights, as `random.choices` takes them."""

    kinds: tuple[PrintKind, ...]
    cumulated: tuple[float, ...]


def _table(tape: str, *, regular_session: bool) -> PrintTable:
    kinds = _kinds(tape, regular_session=regular_session)
    return PrintTable(kinds, tuple(accumulate(kind.weight for kind in kinds)))


PRINTS: Final[dict[tuple[str, bool], PrintTable]] = {
    (tape, session): _table(tape, regular_session=session) for tape in ("A", "B", "C") for session in (True, False)
}
"""By tape and whether it is the regular session."""


class Listing(msgspec.Struct, frozen=True):
    """One symbol as it is at the opening. `weight` is its share of the activity; `tape` is empty for crypto."""

    symbol: str
    feed: str
    tape: str
    price: int
    weight: float

    @property
    def crypto(self) -> bool:
        """Whether it is a pair of coins."""
        return not self.tape


def listings(symbols: tuple[str, ...], feed_of: dict[str, str], draw: Random) -> tuple[Listing, ...]:
    """The symbols with what a seeded chance gives them: the first are busy, the last fifth of the stocks is quiet."""
    stocks = [symbol for symbol in symbols if "/" not in symbol]
    quiet = frozenset(stocks[len(stocks) - len(stocks) // 5 :])
    return tuple(
        Listing(
            symbol=symbol,
            feed=feed_of[symbol],
            tape="" if "/" in symbol else _TAPE.get(symbol, "C"),
            price=_opening_price(symbol, draw),
            weight=_QUIET if symbol in quiet else 1 / (rank + 1) ** 0.6,
        )
        for rank, symbol in enumerate(symbols)
    )


def _opening_price(symbol: str, draw: Random) -> int:
    if symbol.startswith("BTC/"):
        return draw.randint(5_000_000, 9_000_000) * CENT
    if "/" in symbol:
        return draw.randint(100_000, 400_000) * CENT
    return draw.randint(1_000, 60_000) * CENT
