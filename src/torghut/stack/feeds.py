"""What `--feed` means: which of Alpaca's feeds the forwarder subscribes to, and which symbols."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from torghut.sim.settings import DEFAULT_SYMBOLS
from torghut.stack.desired import FEEDS, Settings
from torghut.stack.errors import StackError

SIM_SYMBOLS: Final = tuple(symbol for symbol in DEFAULT_SYMBOLS if "/" not in symbol)
"""By name, not `*`: a repair has to ask the history API for names."""

_LOOK_AT: Final = 20_000


class _Message(msgspec.Struct):
    S: str = ""


class _Line(msgspec.Struct):
    msg: _Message


def check_feed(feed: str) -> str:
    """The feed as given, if there is such a one; a replayed file by its absolute path.

    Raises:
        StackError: no such feed, or the file to replay is not readable.
    """
    kind, colon, name = feed.partition(":")
    if kind == "replay" and colon:
        path = Path(name).expanduser().absolute()
        if not path.is_file():
            raise StackError(f"--feed replay:{name}: wanted a recording, but there is no such file; correct the path")
        return f"replay:{path}"
    if feed not in FEEDS:
        raise StackError(f"--feed {feed}: wanted one of {', '.join(FEEDS)} or replay:FILE")
    return feed


def replay_symbols(path: Path) -> tuple[str, ...]:
    """The symbols in the first lines of a recording, sorted.

    Raises:
        StackError: it is not a recording.
    """
    decoder = msgspec.json.Decoder(_Line)
    open_recording = gzip.open if path.suffix == ".gz" else open
    try:
        with open_recording(path, "rb") as lines:
            found = {decoder.decode(line).msg.S for line in islice(lines, _LOOK_AT) if line.strip()}
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise StackError(
            f"{path} is not a recording ({error}): wanted lines like "
            '{"recv_ns": 1723161243016000000, "msg": {"T": "t", "S": "BTC/USD", ...}}, optionally gzip'
        ) from error
    return tuple(sorted(found - {""}))


def default_symbols(feed: str) -> tuple[str, ...]:
    """What to subscribe to when the user names no symbols."""
    kind, _, name = feed.partition(":")
    if kind == "replay":
        return replay_symbols(Path(name))
    return {"test": ("FAKEPACA",), "crypto": ("BTC/USD", "ETH/USD"), "sim": SIM_SYMBOLS}.get(feed, ("SPY", "AAPL"))


def alpaca_feed(settings: Settings) -> str:
    """Alpaca's name of the feed: crypto for pairs, sip for our own market."""
    if settings.is_simulated:
        return "crypto" if any("/" in symbol for symbol in settings.symbols) else "sip"
    return settings.feed
