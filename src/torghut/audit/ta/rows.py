"""Records as flat rows that can be written to disk and read back. Times in ns, prices and sizes in units of 1e-9."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

import msgspec

UNIT: Final = 10**9
PRICE_END: Final = 10**18
SIZE_END: Final = 10**19


class Tick(msgspec.Struct, array_like=True, gc=False):
    """A trade, correction or cancel, in its log's order.

    `marks`: tape and conditions (`conditions.marks`). `identity`: of the trade that it is, or that it is about;
    `renamed`: the identity after a correction. `newest`: the newest event time in its partition's log before it.
    `woke`: when that log last spoke again after a silence of the idle time-out, or 0. A price or size that no print can
    have is 0.
    """

    channel: str
    feed: str
    symbol: str
    partition: int
    event_ts: int
    seq: int
    ingest_ts: int
    price: int
    size: int
    marks: str
    identity: str
    renamed: str
    newest: int
    woke: int


class QuoteRow(msgspec.Struct, array_like=True, gc=False):
    """A quote, in its log's order. `newest`: the newest event time in the partition's log before it."""

    symbol: str
    event_ts: int
    seq: int
    ingest_ts: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    newest: int


class FinalRow(msgspec.Struct, array_like=True, gc=False):
    """A final bar or signal as it stands in its topic. `problem`: what its envelope says wrongly of itself."""

    channel: str
    symbol: str
    partition: int
    offset: int
    second: int
    revision: int
    ingest_ts: int
    written_ms: int
    problem: str
    payload: bytes


class Letter(msgspec.Struct, array_like=True, gc=False):
    """A dead letter of the job about a record of the trades topic. (channel, symbol, seq) says which."""

    channel: str
    symbol: str
    seq: int


@lru_cache(maxsize=1 << 16)
def scaled(number: bytes, end: int) -> int:
    """A JSON number's text in units of 1e-9, rounded half up; 0 when it is none, not positive, or `end` or more."""
    try:
        exact = Decimal(number.decode())
        if not 0 < exact < end:
            return 0
        units = int(exact.scaleb(9).to_integral_value(ROUND_HALF_UP))
    except (InvalidOperation, UnicodeDecodeError):
        return 0
    return units if units < end * UNIT else 0
