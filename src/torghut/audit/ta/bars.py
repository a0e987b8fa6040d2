"""Prints to 1-second bars, in polars, with exact sums (128-bit integers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

from torghut.audit.ta.conditions import with_rank
from torghut.audit.ta.hours import with_session


class Print(NamedTuple):
    """A trade that stands after all corrections. Times in ns, price and size in units of 1e-9."""

    event_ts: int
    seq: int
    price: int
    size: int
    marks: str
    ingest_ts: int


_PRINT: Final = {
    "event_ts": pl.Int64,
    "seq": pl.Int64,
    "price": pl.Int64,
    "size": pl.UInt64,
    "marks": pl.String,
    "ingest_ts": pl.Int64,
}
BAR: Final = {
    "second": pl.Int64,
    "o": pl.Int64,
    "h": pl.Int64,
    "l": pl.Int64,
    "c": pl.Int64,
    "volume": pl.Int128,
    "notional": pl.Int128,
    "n": pl.Int64,
    "first_ts": pl.Int64,
    "last_ts": pl.Int64,
    "first_ingest": pl.Int64,
}
"""A bar's columns. Prices in 1e-9, `volume` in 1e-9, `notional` in 1e-18; `first_ingest`: when its first print came."""


def bars_of(prints: Sequence[Print], *, crypto: bool, emptied: Sequence[int] = ()) -> pl.DataFrame:
    """The bars of one symbol, ascending, with columns `BAR` and `session`.

    `emptied`: seconds that get a bar without prints (`n` = 0) where no counted print is left.
    """
    frame = pl.DataFrame(
        {name: [one[at] for one in prints] for at, name in enumerate(Print._fields)}, schema=_PRINT
    ).with_columns(second=pl.col("event_ts") // 1_000_000_000)
    counted = with_rank(with_session(frame, crypto=crypto), crypto=crypto).filter(pl.col("rank") > 0)
    # Ties of event time are decided by `seq`; the order of arrival is not looked at.
    bars = counted.sort("event_ts", "seq").group_by("second", maintain_order=True).agg(*_fields())
    empty = [second for second in emptied if second not in set(bars.get_column("second"))]
    bars = pl.concat([bars.select(*BAR).cast(BAR), _empty(empty)]).sort("second")  # type: ignore[arg-type]
    return with_session(bars, crypto=crypto).drop("regular")


def _fields() -> list[pl.Expr]:
    price, sets_price, size = pl.col("price"), pl.col("rank") == 3, pl.col("size").cast(pl.Int128)
    in_range = price.filter(pl.col("rank") >= 2)
    priced = sets_price.any()
    return [
        price.filter(sets_price).first().alias("o"),
        pl.when(priced).then(in_range.max()).alias("h"),
        pl.when(priced).then(in_range.min()).alias("l"),
        price.filter(sets_price).last().alias("c"),
        size.sum().alias("volume"),
        (price.cast(pl.Int128) * size).sum().alias("notional"),
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("event_ts").min().alias("first_ts"),
        pl.col("event_ts").max().alias("last_ts"),
        pl.col("ingest_ts").min().alias("first_ingest"),
    ]


def _empty(seconds: Sequence[int]) -> pl.DataFrame:
    zero = {"volume": 0, "notional": 0, "n": 0}
    return pl.DataFrame([{**dict.fromkeys(BAR), **zero, "second": second} for second in seconds], schema=BAR)
