"""Which print moves which field of a bar: the table of Alpaca's sale conditions, read a second time.

Rank 3 moves everything, 2 all but open and close, 1 volume only, 0 nothing. The lowest rank of a print's conditions
decides; a condition that is not listed restricts nothing, and crypto has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

_SEPARATOR: Final = "\x1f"

_VOLUME_ONLY: Final = frozenset("ICNRHV7U")
_NOT_OPEN_CLOSE: Final = frozenset("PZ4")
_NOTHING: Final = frozenset("MQ9")
_EXTENDED_HOURS: Final = "T"
_AVERAGE_PRICE: Final = {"A": "B", "B": "B", "C": "W"}
"""The code of an average price, by tape. `B` on tape C is an ordinary bunched print."""


def marks(tape: str | None, conditions: Iterable[str] | None) -> str:
    """Tape and conditions as one text; the empty text when there are no conditions."""
    codes = tuple(conditions or ())
    return _SEPARATOR.join((tape or "", *codes)) if codes else ""


def rank(marked: str, *, regular: bool) -> int:
    """What a print with these marks moves; `regular`: regular trading goes on."""
    tape, *codes = marked.split(_SEPARATOR)
    return min((_rank(code, tape, regular=regular) for code in codes), default=3)


def _rank(code: str, tape: str, *, regular: bool) -> int:
    if code in _NOTHING:
        return 0
    if code in _VOLUME_ONLY or _AVERAGE_PRICE.get(tape) == code:
        return 1
    if code == _EXTENDED_HOURS and regular:
        return 1
    return 2 if code in _NOT_OPEN_CLOSE else 3


def with_rank(prints: pl.DataFrame, *, crypto: bool) -> pl.DataFrame:
    """The prints (columns `marks`, `regular`) with a column `rank`."""
    if crypto:
        return prints.with_columns(rank=pl.lit(3, pl.Int8))
    seen = prints.get_column("marks").unique().to_list()
    table = pl.DataFrame(
        {
            "marks": seen,
            "inside": [rank(each, regular=True) for each in seen],
            "outside": [rank(each, regular=False) for each in seen],
        },
        schema={"marks": pl.String, "inside": pl.Int8, "outside": pl.Int8},
    )
    return prints.join(table, on="marks", how="left", maintain_order="left").with_columns(
        rank=pl.when("regular").then("inside").otherwise("outside")
    )
