"""What a symbol looks like, and which ones a search means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from torghut.console.errors import BadRequestError

_SYMBOL: Final = re.compile(r"[A-Z0-9][A-Z0-9./-]{0,15}", re.ASCII)
_LIMIT: Final = 50


def parse_symbol(text: str) -> str:
    """A symbol as typed, in capitals.

    Raises:
        BadRequestError: it cannot be one.
    """
    symbol = text.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        raise BadRequestError(
            f"{text[:32]!r} is not a symbol: wanted up to 16 letters, digits, dots, dashes or slashes, like AAPL or "
            "BTC/USD"
        )
    return symbol


def matching(symbols: Iterable[str], query: str) -> list[str]:
    """Symbols that begin with the query, then those that hold it elsewhere; at most 50."""
    wanted = query.strip().upper()
    found = [symbol for symbol in symbols if wanted in symbol]
    return sorted(found, key=lambda symbol: (not symbol.startswith(wanted), symbol))[:_LIMIT]
