"""Points in time as people type them."""

from __future__ import annotations

import re
import time
from typing import Final

import typer

from torghut.wire.times import NS_PER_S, parse_rfc3339

_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_when(text: str | None, now_ns: int | None = None) -> int | None:
    """`10s`, `5m`, `2h` ago, an RFC 3339 time, or ns since the epoch; as ns since the epoch. None stays None.

    Raises:
        typer.BadParameter: it is none of these.
    """
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        now = time.time_ns() if now_ns is None else now_ns
        return now - int(float(ago[1]) * _SECONDS[ago[2]] * NS_PER_S)
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"wanted a time such as 10m (ago), 2026-11-23T14:30:00Z or ns since the epoch, saw {text!r}"
        ) from error
