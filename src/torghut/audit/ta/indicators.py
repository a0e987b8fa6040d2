"""Bars to indicators: talipp where its conventions are the contract's (EMA, MACD), else the formula in polars.

Every window is summed anew, so that nothing drifts. Price indicators are computed over the bars with a close and
carried over the others; nulls stand where a value is not defined yet.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl
from talipp.indicators import EMA, MACD

from torghut.audit.ta.rows import UNIT

PRICE_INDICATORS: Final = (
    "close", "ema12", "ema26", "macd", "signal", "hist", "rsi14", "mid", "upper", "lower",
)  # fmt: skip
INDICATORS: Final = (*PRICE_INDICATORS, "vwap_session", "vwap_5m", "realized_vol_60s")
_LONGEST: Final = 26
_VOLATILITY_S: Final = 60


def signals_of(bars: pl.DataFrame, *, reset_on_session: bool = False) -> pl.DataFrame:
    """The indicators of one symbol's bars (`bars.bars_of`), row by row: columns `second` and `INDICATORS`."""
    if not reset_on_session:
        return _signals(bars)
    return pl.concat([_signals(session) for session in bars.partition_by("session", maintain_order=True)])


def _signals(bars: pl.DataFrame) -> pl.DataFrame:
    frame = bars.with_columns(close=pl.col("c").cast(pl.Float64) / UNIT)
    priced = frame.filter(pl.col("close").is_not_null()).select("second", "close")
    priced = _with_volatility_terms(_with_bands(_with_rsi(_with_averages(priced))))
    carried = [name for name in PRICE_INDICATORS if name != "close"]
    return (
        frame.join(priced.drop("close"), on="second", how="left", maintain_order="left")
        .with_columns(pl.col(carried).forward_fill(), *_vwaps())
        .pipe(_with_volatility)
        .select("second", *INDICATORS)
    )


def _floats(name: str, values: list[Any]) -> pl.Series:
    return pl.Series(name, values, dtype=pl.Float64)


def _with_averages(priced: pl.DataFrame) -> pl.DataFrame:
    closes = priced.get_column("close").to_list()
    macd = list(MACD(12, 26, 9, closes))
    return priced.with_columns(
        _floats("ema12", list(EMA(12, closes))),
        _floats("ema26", list(EMA(26, closes))),
        _floats("macd", [getattr(value, "macd", None) for value in macd]),
        _floats("signal", [getattr(value, "signal", None) for value in macd]),
        _floats("hist", [getattr(value, "histogram", None) for value in macd]),
    )


def _with_rsi(priced: pl.DataFrame, length: int = 14) -> pl.DataFrame:
    """Wilder: averages of the first 14 gains and losses, then each with a weight of one in 14."""
    change = priced.get_column("close").diff().slice(1)
    if len(change) < length:
        return priced.with_columns(pl.lit(None, pl.Float64).alias("rsi14"))
    gain, loss = (_wilder(one, length) for one in (change.clip(lower_bound=0), (-change).clip(lower_bound=0)))
    rsi = pl.DataFrame({"gain": gain, "loss": loss}).select(
        pl.when(pl.col("gain") + pl.col("loss") == 0)
        .then(50.0)
        .otherwise(100 * pl.col("gain") / (pl.col("gain") + pl.col("loss")))
    )
    return priced.with_columns(_floats("rsi14", [None] * length + rsi.to_series().to_list()))


def _wilder(values: pl.Series, length: int) -> pl.Series:
    seed = values.head(length).mean()
    return pl.concat([_floats("x", [seed]), values.slice(length).rename("x")]).ewm_mean(alpha=1 / length, adjust=False)


def _with_bands(priced: pl.DataFrame, length: int = 20) -> pl.DataFrame:
    close, last = pl.col("close"), priced.with_row_index("at").with_columns(pl.col("at").cast(pl.Int64))
    bands = last.rolling("at", period=f"{length}i").agg(mid=close.mean(), deviation=close.std(ddof=0), full=pl.len())
    full = pl.col("full") == length
    return priced.hstack(
        bands.select(
            mid=pl.when(full).then(pl.col("mid")),
            upper=pl.when(full).then(pl.col("mid") + 2 * pl.col("deviation")),
            lower=pl.when(full).then(pl.col("mid") - 2 * pl.col("deviation")),
        )
    )


def _vwaps() -> list[pl.Expr]:
    volume, notional = pl.col("volume"), pl.col("notional")
    rolling = [column.sum().rolling("second", period="300i") for column in (notional, volume)]
    session = [column.cum_sum().over("session") for column in (notional, volume)]
    return [_price(*session).alias("vwap_session"), _price(*rolling).alias("vwap_5m")]


def _price(notional: pl.Expr, volume: pl.Expr) -> pl.Expr:
    return pl.when(volume > 0).then(notional.cast(pl.Float64) / volume.cast(pl.Float64) / UNIT)


def _with_volatility_terms(priced: pl.DataFrame) -> pl.DataFrame:
    """A small move's logarithm loses its digits when taken of the ratio, a huge one's when taken of the change."""
    close, before = pl.col("close"), pl.col("close").shift(1)
    change = (close - before) / before
    moved = pl.when(change.abs() < 0.5).then(change.log1p()).otherwise((close / before).log())
    return priced.with_columns(square=moved**2)


def _with_volatility(frame: pl.DataFrame) -> pl.DataFrame:
    """Seconds without a bar carry the close: their returns are 0 and add nothing.

    A rolling sum leaves something when all that was in it has left again, also something below 0.
    """
    first = frame.filter(pl.col("close").is_not_null()).get_column("second").min()
    if first is None:
        return frame.with_columns(realized_vol_60s=pl.lit(None, pl.Float64))
    squares = pl.col("square").fill_null(0.0).sum().rolling("second", period=f"{_VOLATILITY_S}i")
    passed = pl.col("second") - first >= _VOLATILITY_S
    return frame.with_columns(realized_vol_60s=pl.when(passed).then(squares.clip(0).sqrt()))
