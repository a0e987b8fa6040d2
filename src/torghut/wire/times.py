"""Time on the wire: RFC 3339 text with up to nine fractional digits, and integers of nanoseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000

_SECOND: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.", re.ASCII)
_SHAPE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_SCALES: Final[tuple[int, ...]] = tuple(10 ** (9 - digits) for digits in range(10))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_SECOND: Final = timedelta(seconds=1)


@lru_cache(maxsize=4096)
def _second_ns(text: str) -> int:
    """Nanoseconds of `YYYY-MM-DDTHH:MM:SS.` in UTC. A feed repeats the same second thousands of times."""
    if _SECOND.fullmatch(text) is None:  # fromisoformat takes more than this: weeks, commas, offsets
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    try:
        return (datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC) - _EPOCH) // _ONE_SECOND * NS_PER_S
    except ValueError as error:
        raise ValueError(f"not a point in time: {text!r} ({error})") from error


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch, every digit kept.

    Raises:
        ValueError: the text is not RFC 3339 with at most nine fractional digits, or no such time exists.
    """
    # The form that a feed sends: `2024-08-08T23:54:15.342Z`, without trailing zeros. `isdecimal` and `isascii` keep
    # out what int() would take beyond digits (spaces, signs, underscores).
    fraction = text[20:-1]
    if text[-1:] == "Z" and fraction.isdecimal() and fraction.isascii() and len(fraction) <= 9:
        return _second_ns(text[:20]) + int(fraction) * _SCALES[len(fraction)]
    return _parse_any_offset(text)


def _parse_any_offset(text: str) -> int:
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time with at most nine fractional digits: {text[:64]!r}")
    second, fraction, offset = match.groups()
    whole = _second_ns(f"{second.upper()}.")
    if offset not in "Zz":
        sign = 1 if offset[0] == "+" else -1
        whole -= sign * (int(offset[1:3]) * 3600 + int(offset[4:6]) * 60) * NS_PER_S
    return whole + int((fraction or "").ljust(9, "0"))


def format_rfc3339(ns: int) -> str:
    """UTC with as many fractional digits as needed (at most nine), as Alpaca prints times."""
    second, fraction = divmod(ns, NS_PER_S)
    text = (_EPOCH + second * _ONE_SECOND).isoformat()[:19]
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"
