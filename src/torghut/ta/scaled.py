"""Exact decimals as scaled integers, because a float sum depends on the order of its terms.

Prices and sizes are integers in units of 1e-9, money (price times size) in units of 1e-18. Python's integers do not
overflow, so sums are exact in any order; a true division of two of them is correctly rounded, so `price / UNIT` is
the very float that the source's JSON number denotes.

The bounds are those of SQL's `DECIMAL(18, 9)` for prices and `DECIMAL(19, 9)` for sizes, whose product still fits
`DECIMAL(38, 18)` without rounding: the JVM and Python refuse the same prints.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Final

from torghut.ta.errors import BadNumberError

DIGITS: Final = 9
UNIT: Final = 10**DIGITS
"""One, as a scaled price or size."""

MONEY_DIGITS: Final = 18
MONEY_UNIT: Final = 10**MONEY_DIGITS
"""One, as a scaled product of price and size."""

PRICE_END: Final = 10**18
"""Scaled prices are below this (a billion)."""
SIZE_END: Final = 10**19
"""Scaled sizes are below this (ten billion)."""

PRICE_SQL_TYPE: Final = "DECIMAL(18, 9)"
SIZE_SQL_TYPE: Final = "DECIMAL(19, 9)"

_WIDE: Final = Context(prec=80, rounding=ROUND_HALF_UP)


def parse_scaled(text: str, digits: int = DIGITS) -> int:
    """The decimal number in `text` in units of 10**-`digits`; further digits are rounded half up, as SQL does.

    Raises:
        BadNumberError: not a finite decimal number, or absurdly long.
    """
    whole, _, fraction = text.partition(".")
    joined = whole + fraction
    if len(fraction) <= digits and joined.isascii() and joined.isdigit():
        return int(joined.ljust(len(whole) + digits, "0"))
    return _parse_any(text, digits)


def _parse_any(text: str, digits: int) -> int:
    try:
        number = _WIDE.create_decimal(text)
        if not number.is_finite() or abs(number.adjusted()) > 40:
            raise BadNumberError(f"wanted a finite decimal number of usual size, got {text[:64]!r}")
        return int(_WIDE.quantize(_WIDE.scaleb(number, digits), Decimal(1)))
    except InvalidOperation as error:
        raise BadNumberError(f"wanted a decimal number, got {text[:64]!r}") from error


def scaled(number: float, digits: int = DIGITS) -> int:
    """A JSON number as a scaled integer: its shortest decimal form is what the source sent.

    Raises:
        BadNumberError: NaN or infinite.
    """
    return parse_scaled(repr(number), digits)


def decimal_text(number: int, digits: int = DIGITS) -> str:
    """A scaled number of at least 0 as SQL prints a DECIMAL of that scale: `123.450000000`."""
    whole, fraction = divmod(number, 10**digits)
    return f"{whole}.{fraction:0{digits}d}"


def price_in_range(price: int) -> int:
    """The scaled price itself.

    Raises:
        BadNumberError: zero, negative or a billion and more.
    """
    if 0 < price < PRICE_END:
        return price
    raise BadNumberError(f"wanted a price above 0 and below {PRICE_END // UNIT}, got {Decimal(price) / UNIT}")


def size_in_range(size: int) -> int:
    """The scaled size itself.

    Raises:
        BadNumberError: zero, negative or ten billion and more.
    """
    if 0 < size < SIZE_END:
        return size
    raise BadNumberError(f"wanted a size above 0 and below {SIZE_END // UNIT}, got {Decimal(size) / UNIT}")
