"""Events as the feed parses them, built the way the feed builds them: from the text of a frame."""

from __future__ import annotations

from typing import Any

import msgspec

from torghut.feed.messages import Message, parse_frame
from torghut.wire.times import format_rfc3339

T0 = 1_763_900_000_000_000_000
S = 1_000_000_000
MS = 1_000_000


def message(kind: str, symbol: str, ns: int, **fields: Any) -> Message:
    """One message of a frame that holds only this."""
    body = {"T": kind, "S": symbol} | fields | {"t": format_rfc3339(ns)}
    frame = parse_frame(msgspec.json.encode([body]))
    assert not frame.rejects, frame.rejects
    return frame.messages[0]


def trade(number: int, ns: int = T0, symbol: str = "AAPL", **changes: Any) -> Message:
    fields = {"i": number, "x": "V", "p": 100.25, "s": 100, "c": ["@"], "z": "C"}
    return message("t", symbol, ns, **fields | changes)


def quote(ns: int = T0, symbol: str = "AAPL", **changes: Any) -> Message:
    fields = {"bx": "V", "bp": 100.0, "bs": 1, "ax": "Q", "ap": 100.5, "as": 2, "c": ["R"], "z": "C"}
    return message("q", symbol, ns, **fields | changes)


def halt(ns: int = T0, symbol: str = "AAPL") -> Message:
    return message("s", symbol, ns, sc="H", sm="", rc="M", rm="", z="C")


def bar(ns: int = T0, symbol: str = "AAPL", kind: str = "b", **changes: Any) -> Message:
    fields = {"o": 1, "h": 2.5, "l": 1, "c": 2, "v": 10, "n": 3, "vw": 1.75}
    return message(kind, symbol, ns, **fields | changes)
