"""Trading sessions: 04:00, 09:30 and 16:00 New York time begin one; for crypto, 00:00 UTC.

Regular trading lasts from 09:30 to 16:00, on half days to 13:00. It is a matter of the time of day alone: on holidays
nobody trades but simulated markets, and those do not keep them.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from torghut.calendar.nyse_days import EARLY_CLOSES

_DAY_S: Final = 86_400
_PRE, _OPEN, _CLOSE, _EARLY_CLOSE = 4 * 3600, 9 * 3600 + 1800, 16 * 3600, 13 * 3600


def with_session(frame: pl.DataFrame, *, crypto: bool) -> pl.DataFrame:
    """The frame (column `second`, since the epoch) with `session`, a number of its own for each, and `regular`."""
    if crypto:
        return frame.with_columns(session=pl.col("second") // _DAY_S, regular=pl.lit(value=False))
    local = pl.from_epoch("second", "s").dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
    day, at = local.dt.date(), _second_of_day(local)
    part = (at >= _PRE).cast(pl.Int64) + (at >= _OPEN).cast(pl.Int64) + (at >= _CLOSE).cast(pl.Int64)
    close = pl.when(day.is_in(sorted(EARLY_CLOSES))).then(_EARLY_CLOSE).otherwise(_CLOSE)
    # Before 04:00 it is still the session that began at 16:00 of the day before: part 3 of that.
    number = day.cast(pl.Int32).cast(pl.Int64) * 4 + part - (part == 0).cast(pl.Int64)
    return frame.with_columns(session=number, regular=(at >= _OPEN) & (at < close))


def _second_of_day(local: pl.Expr) -> pl.Expr:
    hour, minute, second = (part.cast(pl.Int64) for part in (local.dt.hour(), local.dt.minute(), local.dt.second()))
    return hour * 3600 + minute * 60 + second
