"""The forms that a `Partial` takes outside of Python: a row of the SQL reduction, and bytes in state.

A row comes from other code over a boundary without types, so it is checked once, here, for contradictions.
"""

from __future__ import annotations

from typing import Final

import msgspec

from torghut.ta.bars import NS, Ends, Mark, Partial, Range
from torghut.ta.errors import BadInputError, BadPartialError
from torghut.ta.scaled import DIGITS, MONEY_DIGITS, UNIT, decimal_text, parse_scaled, price_in_range


class PartialRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A `Partial` as SQL emits it: one row of one (symbol, second), columns in this order.

    `open` is the MIN, `close` the MAX of the text `event_ts|seq|price` over prints that move open and close, the
    numbers zero-padded to equal width (19, 19, and 9.9 digits for the price) so that text order is number order.
    `high low volume notional` are decimal numbers as text, `volume` the exact sum of sizes, `notional` of
    price times size. All but `event_second` (since the epoch) and `n` are over the prints that move the field and
    NULL where there are none. Times are ns.
    """

    event_second: int
    open: str | None
    high: str | None
    low: str | None
    close: str | None
    volume: str | None
    notional: str | None
    n: int
    first_ts: int | None
    last_ts: int | None
    ingest_ts: int | None


def parse_row(row: PartialRow) -> Partial:
    """The partial of a row.

    Raises:
        BadInputError: a number cannot be read, or the row contradicts itself.
    """
    opened, closed = _parse_mark(row.open), _parse_mark(row.close)
    low, high = _parse_price(row.low), _parse_price(row.high)
    if (opened is None) != (closed is None) or (low is None) != (high is None):
        raise BadPartialError(f"second {row.event_second}: wanted open with close and high with low, got {row}")
    partial = Partial(
        row.event_second,
        row.n,
        None if opened is None or closed is None else Ends(opened, closed),
        None if low is None or high is None else Range(low, high),
        0 if row.volume is None else parse_scaled(row.volume),
        0 if row.notional is None else parse_scaled(row.notional, MONEY_DIGITS),
        row.first_ts or 0,
        row.last_ts or 0,
        row.ingest_ts or 0,
    )
    if not _consistent(partial):
        raise BadPartialError(f"second {row.event_second}: the aggregate contradicts itself: {row}")
    return partial


def _consistent(partial: Partial) -> bool:
    if partial.n <= 0:
        return partial == Partial.empty(partial.second, partial.ingest_ts)
    start, end = partial.second * NS, (partial.second + 1) * NS
    first, last = partial.first_ts, partial.last_ts
    if partial.volume <= 0 or partial.notional <= 0 or not start <= first <= last < end:
        return False
    ends, extremes = partial.ends, partial.range
    if extremes is None or extremes.low > extremes.high:
        return ends is None and extremes is None
    return ends is None or (
        first <= ends.open.event_ts <= ends.close.event_ts <= last
        and all(extremes.low <= mark.price <= extremes.high for mark in ends)
    )


def to_row(partial: Partial) -> PartialRow:
    """The row that SQL emits for these prints."""
    ends, extremes, counted = partial.ends, partial.range, partial.n > 0
    return PartialRow(
        partial.second,
        None if ends is None else _mark_text(ends.open),
        None if extremes is None else decimal_text(extremes.high),
        None if extremes is None else decimal_text(extremes.low),
        None if ends is None else _mark_text(ends.close),
        decimal_text(partial.volume) if counted else None,
        decimal_text(partial.notional, MONEY_DIGITS) if counted else None,
        partial.n,
        partial.first_ts if counted else None,
        partial.last_ts if counted else None,
        partial.ingest_ts or None,
    )


def _mark_text(mark: Mark) -> str:
    whole, fraction = divmod(mark.price, UNIT)
    return f"{mark.event_ts:019d}|{mark.seq:019d}|{whole:09d}.{fraction:0{DIGITS}d}"


def _parse_mark(text: str | None) -> Mark | None:
    if text is None:
        return None
    try:
        event_ts, seq, price = text.split("|")
        return Mark(int(event_ts), int(seq), price_in_range(parse_scaled(price)))
    except BadInputError:
        raise
    except ValueError as error:
        raise BadPartialError(f"wanted event_ts|seq|price, got {text[:80]!r}") from error


def _parse_price(text: str | None) -> int | None:
    return None if text is None else price_in_range(parse_scaled(text))


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """State form: times relative to the second's start, and the rest relative to the open, for fewer bytes.

    Prices are in ten-thousandths, or where one is finer in units of 1e-9 (`fine`). Sums are integers (shares, and
    ten-thousandths) or text with their exact decimals.
    """

    second: int
    n: int
    fine: bool
    open: tuple[int, int, int] | None
    close: tuple[int, int, int] | None
    range: tuple[int, int] | None
    volume: int | str
    notional: int | str
    first_ts: int
    last_ts: int
    ingest_ts: int


_COARSE: Final = 10 ** (DIGITS - 4)
_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(_Packed)


def pack(partial: Partial) -> bytes:
    """State bytes, about 55 for an equity's second; `unpack` gives an equal value."""
    start, ends, extremes = partial.second * NS, partial.ends, partial.range
    prices = (*(mark.price for mark in ends or ()), *(extremes or ()))
    unit = 1 if any(price % _COARSE for price in prices) else _COARSE
    opened = Mark(start, 0, 0) if ends is None else ends.open
    return _packer.encode(
        _Packed(
            partial.second,
            partial.n,
            unit == 1,
            None if ends is None else (opened.event_ts - start, opened.seq, opened.price // unit),
            None if ends is None else _distance(opened, ends.close, unit),
            None
            if extremes is None
            else ((extremes.low - opened.price) // unit, (extremes.high - opened.price) // unit),
            _short(partial.volume, DIGITS, UNIT),
            _short(partial.notional, MONEY_DIGITS, _COARSE * UNIT),
            partial.first_ts - start,
            partial.last_ts - start,
            partial.ingest_ts - start,
        )
    )


def _distance(opened: Mark, closed: Mark, unit: int) -> tuple[int, int, int]:
    return closed.event_ts - opened.event_ts, closed.seq - opened.seq, (closed.price - opened.price) // unit


def unpack(data: bytes) -> Partial:
    """What `pack` packed.

    Raises:
        msgspec.MsgspecError: it is something else.
    """
    packed = _unpacker.decode(data)
    start, unit, ends, extremes = packed.second * NS, 1 if packed.fine else _COARSE, None, None
    opened = Mark(start, 0, 0)
    if packed.open is not None and packed.close is not None:
        opened = Mark(packed.open[0] + start, packed.open[1], packed.open[2] * unit)
        at, seq, price = packed.close
        ends = Ends(opened, Mark(opened.event_ts + at, opened.seq + seq, opened.price + price * unit))
    if packed.range is not None:
        low, high = packed.range
        extremes = Range(opened.price + low * unit, opened.price + high * unit)
    return Partial(
        packed.second,
        packed.n,
        ends,
        extremes,
        _long(packed.volume, DIGITS, UNIT),
        _long(packed.notional, MONEY_DIGITS, _COARSE * UNIT),
        packed.first_ts + start,
        packed.last_ts + start,
        packed.ingest_ts + start,
    )


def _short(number: int, digits: int, unit: int) -> int | str:
    short, rest = divmod(number, unit)
    return decimal_text(number, digits).rstrip("0") if rest or short >> 63 else short


def _long(packed: int | str, digits: int, unit: int) -> int:
    return parse_scaled(packed, digits) if isinstance(packed, str) else packed * unit
