"""The journal of a target: one JSON line for each transition, on disk before anything follows from it.

Each line carries the SHA-256 of the one before, so that a changed or removed line breaks the chain behind it. What the
chain alone cannot show, a cut at its end or a rewrite of the whole, shows at the anchors: the head of the chain is
committed into the Git history of the desired state when a run starts and when it ends.
A line that its writer could not finish has no newline: it was acted upon by nobody, and the next writer drops it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

from torghut.ops.errors import JournalError
from torghut.ops.redaction import Redactor
from torghut.ops.state import Note

GENESIS: Final = "0" * 64


class Line(msgspec.Struct, frozen=True):
    """One line of the file: its number (from 1), the hash of the line before, the note."""

    n: int
    before: str
    note: Note


class Head(msgspec.Struct, frozen=True):
    """The end of a chain: how many lines, and the hash of the last."""

    lines: int
    sha256: str


START: Final = Head(0, GENESIS)


class Anchor(Protocol):
    """Keeps heads where the journal's writer cannot change them unseen."""

    def heads(self) -> tuple[Head, ...]:
        """Every head that was kept, the oldest first."""
        ...

    def keep(self, head: Head, what: str) -> None:
        """Keep one more."""
        ...


class Journal:
    """The file at `path`. One writer at a time, who holds the target's lock; anybody may read."""

    def __init__(self, path: Path, redactor: Redactor, write: Callable[[int, bytes], int] = os.write) -> None:
        self.path = path
        self._redactor = redactor
        self._write = write

    def append(self, note: Note) -> Head:
        """Write one note and return when it is on disk.

        Raises:
            JournalError: the chain before it is broken, and nothing may be built on that; or the disk did not take it.
        """
        head = self._drop_torn()
        clean = msgspec.json.decode(self._redactor.clean(msgspec.json.encode(note).decode()), type=Note)
        line = msgspec.json.encode(Line(head.lines + 1, head.sha256, clean))
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._write_whole(descriptor, line + b"\n")
            os.fsync(descriptor)
        except OSError as error:
            raise JournalError(
                f"{self.path}: a note could not be written ({error.strerror}): make room, then resume the run"
            ) from error
        finally:
            os.close(descriptor)
        return Head(head.lines + 1, _digest(line))

    def notes(self) -> list[Note]:
        """Every note, the oldest first.

        Raises:
            JournalError: a line is not what the chain says.
        """
        return [line.note for line, _ in self._walk()]

    def head(self) -> Head:
        """The end of the chain.

        Raises:
            JournalError: a line is not what the chain says.
        """
        head = START
        for _, head in self._walk():  # noqa: B007 - the last one is wanted
            pass
        return head

    def verify(self, anchor: Anchor) -> Head:
        """Check the whole chain against itself and against every head that was kept elsewhere.

        Raises:
            JournalError: it was changed, cut or rewritten; the message says where.
        """
        found = [START, *(head for _, head in self._walk())]
        for kept in anchor.heads():
            if kept.lines >= len(found):
                raise JournalError(
                    f"{self.path} was cut: it has {len(found) - 1} lines, and {kept.lines} were there when its head was"
                    " committed to the desired state; restore the file from a copy"
                )
            if found[kept.lines] != kept:
                raise JournalError(
                    f"{self.path} was rewritten: line {kept.lines} is not the one whose hash was committed to the"
                    " desired state; restore the file from a copy"
                )
        return found[-1]

    def _write_whole(self, descriptor: int, content: bytes) -> None:
        """A disk that is nearly full takes a part, and says why only when it is asked to take the rest."""
        while content:
            content = content[self._write(descriptor, content) :]

    def _walk(self) -> Iterator[tuple[Line, Head]]:
        """Each whole line with the head after it."""
        head = START
        for raw in self._whole_lines():
            line = self._parse(raw, head)
            head = Head(line.n, _digest(raw))
            yield line, head

    def _whole_lines(self) -> list[bytes]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        return content.split(b"\n")[:-1]

    def _parse(self, raw: bytes, head: Head) -> Line:
        try:
            line = msgspec.json.decode(raw, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise JournalError(f"{self.path}: line {head.lines + 1} is not a note ({error}); it was changed") from error
        if line.n != head.lines + 1 or line.before != head.sha256:
            raise JournalError(
                f"{self.path}: line {head.lines + 1} does not follow from the one before: a line was changed or removed"
            )
        return line

    def _drop_torn(self) -> Head:
        head = self.head()
        if self.path.exists():
            whole = sum(len(raw) + 1 for raw in self._whole_lines())
            if whole != self.path.stat().st_size:
                os.truncate(self.path, whole)
        return head


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
