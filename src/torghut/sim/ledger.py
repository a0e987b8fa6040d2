"""The truth: everything that happened, in order, whether or not anyone was connected. The audit reads it.

NDJSON segments `<start_ns>.ndjson`, only ever appended to. Events are written before they are delivered, so that a
killed simulator never has told a client something that the ledger does not know; the next one reads its past here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from torghut.sim.events import Event, Head
from torghut.wire.times import parse_rfc3339

_SEGMENT_BYTES: Final = 32 * 1024 * 1024
"""What is read back at a start is whole segments, so they are small beside what history holds."""

_EVENT: Final = b'{"k":"event",'
_MESSAGE: Final = b',"msg":'


class _Line(msgspec.Struct, gc=False):
    feed: str
    msg: Head


_line = msgspec.json.Decoder(_Line)


class Ledger:
    """An append-only record of a simulator's life. Not thread-safe; owned by the event loop."""

    def __init__(self, folder: Path, now_ns: int, segment_bytes: int = _SEGMENT_BYTES) -> None:
        """Open a new segment in `folder`, which is created when absent."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._pending: list[bytes] = []
        self._open_segment(now_ns)

    def events(self, now_ns: int, events: Iterable[Event]) -> None:
        """These happened now."""
        self._pending += [
            b'{"k":"event","ns":%d,"feed":"%b","msg":%b}\n' % (now_ns, event.feed.encode(), event.raw)
            for event in events
        ]

    def note(self, kind: str, now_ns: int, **fields: Any) -> None:  # noqa: ANN401 - one JSON object a line
        """Something other than a market event: a connection, an acknowledgement, a fault, a start, an end."""
        self._pending.append(msgspec.json.encode({"k": kind, "ns": now_ns, **fields}) + b"\n")

    def flush(self, now_ns: int) -> None:
        """Hand everything to the operating system; start a new segment when this one is full."""
        if not self._pending:
            return
        self._written += self._file.write(b"".join(self._pending))
        self._file.flush()
        self._pending.clear()
        if self._written >= self._segment_bytes:
            self._file.close()
            self._open_segment(now_ns)

    def close(self, now_ns: int) -> None:
        """Flush and close; nothing may be written afterwards."""
        self.flush(now_ns)
        self._file.close()

    def _open_segment(self, now_ns: int) -> None:
        self._file = (self._folder / f"{now_ns}.ndjson").open("ab")
        self._written = 0


def recall(folder: Path, since_ns: int, enough: int) -> Iterator[Event]:
    """What happened before, oldest first: all since a moment (ns), or the last `enough` events if these are fewer.

    It begins with a whole segment, so that it may be more. A last line that was cut off by a kill is none: nobody was
    told of it.
    """
    chosen: list[Path] = []
    lines = 0
    for path in sorted(folder.glob("*.ndjson"), key=lambda path: int(path.stem), reverse=True):
        chosen.append(path)
        lines += path.read_bytes().count(b"\n")
        if int(path.stem) < since_ns or lines >= enough:
            break
    for path in reversed(chosen):
        yield from _events(path)


def _events(path: Path) -> Iterator[Event]:
    with path.open("rb") as file:
        for text in file:
            if text.startswith(_EVENT) and text.endswith(b"\n"):
                line = _line.decode(text)
                head, raw = line.msg, text[text.index(_MESSAGE) + len(_MESSAGE) : -len(b"}\n")]
                yield Event(line.feed, head.T, head.S, parse_rfc3339(head.t), raw)
