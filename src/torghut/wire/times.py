"""Time on the wire: RFC 3339 text with up to nine fractional digits, and integers of nanoseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000

_SHAPE: Final = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(maxsize=4096)
def _second_ns(text: str) -> int:
    """Nanoseconds of `YYYY-MM-DDTHH:MM:SS` in UTC. A feed repeats the same second thousands of times."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS_PER_S
    except ValueError as error:
        raise ValueError(f"not a point in time: {text!r} ({error})") from error


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch, every digit kept.

    Raises:
        ValueError: the text is not RFC 3339 with at most nine fractional digits, or no such time exists.
    """
    # The form that a feed sends: `2024-08-08T23:54:15.342Z`. Digits are checked by int(); `isascii` and `isdigit`
    # keep out what int() would take beyond them (spaces, signs, underscores).
    if len(text) >= 20 and text[-1] == "Z" and text[10] == "T":
        fraction = text[20:-1]
        if text[19] == "Z":
            return _second_ns(text[:19])
        if text[19] == "." and len(fraction) <= 9 and fraction.isascii() and fraction.isdigit():
            return _second_ns(text[:19]) + int(fraction.ljust(9, "0"))
    return _parse_any_offset(text)


def _parse_any_offset(text: str) -> int:
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time with at most nine fractional digits: {text[:64]!r}")
    second, fraction, offset = match.groups()
    whole = _second_ns(second.upper())
    if offset not in "Zz":
        sign = 1 if offset[0] == "+" else -1
        whole -= sign * (int(offset[1:3]) * 3600 + int(offset[4:6]) * 60) * NS_PER_S
    return whole + int((fraction or "").ljust(9, "0"))


def format_rfc3339(ns: int) -> str:
    """UTC with as many fractional digits as needed (at most nine), as Alpaca prints times."""
    second, fraction = divmod(ns, NS_PER_S)
    text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"
