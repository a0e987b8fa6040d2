"""The truth: everything that happened, in order, whether or not anyone was connected. The audit reads it.

NDJSON segments `<start_ns>.ndjson`, only ever appended to. Events are written before they are delivered, so that a
killed simulator never has told a client something that the ledger does not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from torghut.sim.events import Event

_SEGMENT_BYTES: Final = 512 * 1024 * 1024


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
