"""One second of one symbol as the page shows it: its bar and its indicators, put together from two topics.

Bars and indicators arrive in records of their own, first provisional (again and again), then final, then perhaps
revised. A row keeps for each half the newest: a final one beats a provisional one, a higher revision a lower one.
Times are seconds since the epoch, because a bar's second is whole and nanoseconds do not survive a browser's numbers.
"""

from __future__ import annotations

from typing import Final

import msgspec

from torghut.wire.envelope import Envelope, MicroBar, Signal

_NS_PER_S: Final = 1_000_000_000
_NEVER: Final = -2
_PROVISIONAL: Final = -1


class Row(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What goes to the browser for the second that starts at `t`. Absent is "not known (yet)".

    `bar_rank` and `signal_rank` are -2 for absent, -1 for provisional, else the revision of the final record.
    """

    t: int
    bar_rank: int = _NEVER
    signal_rank: int = _NEVER
    o: float | None = None
    h: float | None = None
    l: float | None = None  # noqa: E741 - the contract's name
    c: float | None = None
    v: float | None = None
    n: int | None = None
    vwap: float | None = None
    ema12: float | None = None
    ema26: float | None = None
    macd: float | None = None
    macd_signal: float | None = None
    macd_hist: float | None = None
    rsi14: float | None = None
    bb_mid: float | None = None
    bb_upper: float | None = None
    bb_lower: float | None = None
    vwap_session: float | None = None
    vwap_5m: float | None = None
    vol_60s: float | None = None
    bid: float | None = None
    ask: float | None = None
    spread: float | None = None
    imbalance: float | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Row)


def encode_row(row: Row) -> bytes:
    """The row as the browser gets it."""
    return _encoder.encode(row)


def decode_row(value: bytes) -> Row:
    """The row back from what `encode_row` made."""
    return _decoder.decode(value)


def second_of(envelope: Envelope) -> int:
    """The second of a TA record, in seconds since the epoch."""
    start = envelope.window.start if envelope.window else envelope.event_ts
    return start // _NS_PER_S


def rank_of(envelope: Envelope) -> int:
    """The revision of a final record; -1 of a provisional one."""
    return (envelope.revision or 0) if envelope.is_final else _PROVISIONAL


def with_bar(row: Row, rank: int, bar: MicroBar) -> Row:
    """The row with this bar, unless it has a better one."""
    if _is_older(rank, row.bar_rank):
        return row
    return msgspec.structs.replace(
        row, bar_rank=rank, o=bar.o, h=bar.h, l=bar.l, c=bar.c, v=bar.v, n=bar.n, vwap=bar.vwap
    )


def with_signal(row: Row, rank: int, signal: Signal) -> Row:
    """The row with these indicators, unless it has better ones."""
    if _is_older(rank, row.signal_rank):
        return row
    return msgspec.structs.replace(
        row,
        signal_rank=rank,
        ema12=signal.ema.ema12,
        ema26=signal.ema.ema26,
        macd=signal.macd.macd,
        macd_signal=signal.macd.signal,
        macd_hist=signal.macd.hist,
        rsi14=signal.rsi14,
        bb_mid=signal.bollinger.mid,
        bb_upper=signal.bollinger.upper,
        bb_lower=signal.bollinger.lower,
        vwap_session=signal.vwap.session,
        vwap_5m=signal.vwap.five_minutes,
        vol_60s=signal.realized_vol_60s,
        bid=signal.quote.bid,
        ask=signal.quote.ask,
        spread=signal.quote.spread,
        imbalance=signal.quote.imbalance,
    )


def _is_older(rank: int, kept: int) -> bool:
    """A provisional value replaces a provisional one; a final one only what has a lower revision."""
    return rank < kept or (rank == kept and rank > _PROVISIONAL)
