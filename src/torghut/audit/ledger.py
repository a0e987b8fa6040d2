"""The simulator's ledger as the truth: newline-delimited JSON segments that are still being written.

Segments are read in the order of their names (the time of their start). A last line without its newline is half
written: it is left for the next reading. Lines of unknown kinds are passed over, so that the ledger can grow.

Of segments that ended long before the span that is audited no event is read, only what became of connections.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from torghut.audit import identity
from torghut.audit.coverage import LedgerCoverage
from torghut.audit.errors import LedgerError
from torghut.audit.model import CHANNELS, TruthEvent
from torghut.wire.topics import Channel


class _Line(msgspec.Struct, tag_field="k", gc=False):
    ns: int


class _Event(_Line, tag="event", gc=False):
    feed: str
    msg: msgspec.Raw


class _Head(identity.Head, gc=False, kw_only=True):
    T: str
    S: str


class _Start(_Line, tag="start"):
    pass


class _Opened(_Line, tag="open"):
    pass


class _Authenticated(_Line, tag="auth"):
    pass


class _Closed(_Line, tag="close"):
    conn: int


class _Acknowledged(_Line, tag="ack"):
    conn: int
    account: int
    feed: str
    state: dict[str, list[str] | None]


class _Injected(_Line, tag="inject"):
    what: str
    count: int = 1


class _Fault(_Line, tag="fault"):
    name: str
    on: bool


class _Kind(msgspec.Struct):
    k: str


_AnyLine: TypeAlias = _Event | _Start | _Opened | _Authenticated | _Closed | _Acknowledged | _Injected | _Fault
_KINDS: Final = frozenset({"event", "start", "open", "auth", "close", "ack", "inject", "fault"})
_line = msgspec.json.Decoder(_AnyLine)
_head = msgspec.json.Decoder(_Head)
_BLOCK: Final = 4 << 20
_NO_EVENT: Final = re.compile(rb'\n(\{"k":"(?!event",)[^\n]*)(?=\n)')


class LedgerTruth:
    """Reads the segments in `folder`, from the first line on, and on again when asked again.

    Events of segments that were over before `since_ns` are left out; `is_whole` says whether there were none of those.
    """

    channels: frozenset[Channel] = frozenset(CHANNELS)

    def __init__(self, folder: Path, since_ns: int = 0) -> None:
        self.coverage = LedgerCoverage()
        self.is_whole = True
        self._folder = folder
        self._since_ns = since_ns
        self._read: dict[str, int] = {}
        self._injected: Counter[str] = Counter()
        self._heard_ns = 0

    @property
    def injected(self) -> dict[str, int]:
        """Bad frames put on the wire, by kind."""
        return dict(self._injected)

    def read(self) -> Iterator[TruthEvent]:
        """Events of all whole lines that were not read before.

        Raises:
            LedgerError: there is no ledger, or a line is none.
        """
        segments = sorted(self._folder.glob("*.ndjson"), key=lambda path: (len(path.name), path.name))
        if not segments:
            raise LedgerError(
                f"{self._folder}: wanted the simulator's ledger (*.ndjson), found none; start the stack with "
                "`torghut up`, or name the folder with --ledger"
            )
        for path, after in zip(segments, [*segments[1:], None], strict=True):
            if self._since_ns and after is not None and int(after.stem) < self._since_ns:
                self._pass_over(path)
            else:
                yield from self._read_segment(path)

    def _pass_over(self, path: Path) -> None:
        """Only what is not an event. A segment that has a successor is not written to any more."""
        if path.name not in self._read:
            self.is_whole = False
            self._read[path.name] = path.stat().st_size
            for line in _NO_EVENT.findall(b"\n" + path.read_bytes()):
                self._understand(line, path)

    def _read_segment(self, path: Path) -> Iterator[TruthEvent]:
        name, half = path.name, b""
        at = self._read.get(name, 0)
        with path.open("rb") as file:
            file.seek(at)
            while block := file.read(_BLOCK):
                *lines, half = (half + block).split(b"\n")
                for line in lines:
                    at += len(line) + 1
                    self._read[name] = at
                    event = self._understand(line, path)
                    if event is not None:
                        yield event

    def _understand(self, raw: bytes, path: Path) -> TruthEvent | None:
        try:
            line = _line.decode(raw)
            if type(line) is _Event:
                return _event(line)
        except (msgspec.DecodeError, ValueError) as error:
            if not raw.strip() or _is_of_unknown_kind(raw):
                return None
            raise LedgerError(
                f"{path}, before byte {self._read[path.name]}: wanted a line of the ledger, saw {raw[:120]!r} ({error})"
            ) from error
        self._note(line)
        return None

    def _note(self, line: _AnyLine) -> None:
        """What is not an event: who wanted what, and what was done to them."""
        if isinstance(line, _Acknowledged):
            state = {key: symbols or () for key, symbols in line.state.items()}
            self.coverage.acknowledged(line.ns, line.conn, line.account, line.feed, state)
        elif isinstance(line, _Closed):
            self.coverage.closed(line.ns, line.conn)
        elif isinstance(line, _Injected):
            self._injected[line.what] += line.count
        elif isinstance(line, _Fault):
            self.coverage.fault(line.ns, line.name, on=line.on)
        elif isinstance(line, _Start):
            self.coverage.restarted(self._heard_ns)
        self._heard_ns = line.ns


def _event(line: _Event) -> TruthEvent | None:
    raw = bytes(line.msg)
    head = _head.decode(raw)
    channel = identity.CHANNEL_OF_TYPE.get(head.T)
    if channel is None:  # daily bars and what else no topic holds
        return None
    event_ts = identity.event_ns(head.t)
    place = identity.place(channel, event_ts, head)
    payload = identity.strip(raw, head.T, head.S)
    return TruthEvent(channel, line.feed, head.S, event_ts, place, line.ns, payload)


def _is_of_unknown_kind(raw: bytes) -> bool:
    try:
        return msgspec.json.decode(raw, type=_Kind).k not in _KINDS
    except msgspec.DecodeError:
        return False
