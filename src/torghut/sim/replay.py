"""A recording played back: which message happens when, with which time and which trade id. Pure but for the file.

A recording is NDJSON, optionally gzip: `{"recv_ns": int, "msg": {Alpaca message}}` a line, ordered by `recv_ns`.
Messages are never re-encoded: only the digits of `t` and of trade ids are replaced in the text, and with kept times
in the first pass not even those.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from torghut.sim import ReplayError
from torghut.sim.events import Event, Kind, parse_event
from torghut.wire.times import format_rfc3339

_TIME: Final = re.compile(rb'"t"\s*:\s*"([^"]*)"')
_ID: Final = re.compile(rb'("(?:i|oi|ci)"\s*:\s*)(\d+)')
_WITH_IDS: Final = frozenset({Kind.TRADE, Kind.CORRECTION, Kind.CANCEL})
_REMEMBERED_IDS: Final = 1_000_000


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """One line: when it was received (ns), and the event as recorded."""

    recv_ns: int
    event: Event


class _Line(msgspec.Struct, gc=False):
    recv_ns: int
    msg: msgspec.Raw


_line = msgspec.json.Decoder(_Line)


def read_recording(path: Path, stock_feed: str) -> Iterator[Recorded]:
    """The recording's lines, one after the other.

    Raises:
        ReplayError: the file cannot be read, or a line is not what it should be (its number is said).
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, text in enumerate(file, start=1):  # noqa: B007 - named in the error
                if text.strip():
                    line = _line.decode(text)
                    yield Recorded(line.recv_ns, parse_event(bytes(line.msg), stock_feed))
    except (OSError, EOFError, zlib.error) as error:
        raise ReplayError(f"cannot read {path.name} after line {number}: {error}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise ReplayError(f'{path.name}, line {number}: wanted {{"recv_ns": int, "msg": {{...}}}}: {error}') from error


class Timeline:
    """Where the recording's time axis lies on ours: it starts at `start_ns` and runs `speed` times as fast.

    Receive times and event times move alike, so that with speed 1 every time is shifted by one amount.
    """

    def __init__(self, first_recv_ns: int, start_ns: int, speed: float) -> None:
        self._origin = first_recv_ns
        self._start = start_ns
        # A ratio of integers: floats do not hold nanoseconds of today.
        self._numerator, self._denominator = 1_000_000, round(speed * 1_000_000)

    def moved(self, ns: int) -> int:
        """The recorded moment on our clock."""
        return self._start + (ns - self._origin) * self._numerator // self._denominator


class Renumbering:
    """New trade ids for one pass; corrections and cancels keep pointing at their trade.

    Remembers the newest million ids; a change of an older trade keeps the recorded id and finds nothing.
    """

    def __init__(self, ids: Iterator[int]) -> None:
        self._ids = ids
        self._known: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()

    def apply(self, event: Event) -> bytes:
        """The message with its new ids."""
        if event.kind not in _WITH_IDS:
            return event.raw
        return _ID.sub(lambda found: found[1] + self._renumbered(event, found), event.raw)

    def _renumbered(self, event: Event, found: re.Match[bytes]) -> bytes:
        key = (event.symbol, found[2])
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = b"%d" % next(self._ids)
            if len(self._known) > _REMEMBERED_IDS:
                self._known.popitem(last=False)
        return known


def retimed(event: Event, t: int, raw: bytes) -> Event:
    """The event at `t`, its other members as in `raw`."""
    found = _TIME.search(raw)
    if found is None:
        raise ReplayError(f"a message without `t` cannot be moved in time: {raw[:200]!r}")
    moved = raw[: found.start(1)] + format_rfc3339(t).encode() + raw[found.end(1) :]
    return Event(event.feed, event.kind, event.symbol, t, moved)
