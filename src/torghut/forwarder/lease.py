"""The lease: one active forwarder per account.

`Lease` is the interface; `FileLease` is the one for a single machine, `kubernetes_lease` has the one for a cluster. A
holder renews; when it dies the others notice (in files at once), when it is only paused they wait until its time is up.
A holder that finds its time up, or a successor, has lost the lease and must write nothing more.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec


class LeaseLost(Exception):  # noqa: N818 - a state of affairs, as in "lease lost", not a fault of the program
    """The lease ran out or another instance took it: stop writing and exit."""


class Lease(Protocol):
    """Mutual exclusion in time. All times are seconds. One thread at a time calls the methods that change it."""

    ttl_s: float
    retry_s: float
    """How often a standby should ask for it."""

    def acquire(self) -> bool:
        """Take the lease if it is free, expired or its holder is dead. Does not wait."""

    def renew(self) -> None:
        """Extend the lease by `ttl_s` from now.

        Raises:
            LeaseLost: the time was up before, or there is a successor.
        """

    def remaining_s(self) -> float:
        """How long the lease is surely ours; 0 or less when it is not. Cheap: asked before every write."""

    def outlast(self, seconds: float) -> None:
        """Keep everybody else off for `seconds` from now, also when we die: something we sent may yet be written.

        Others see it with the next renewal. What is ours to write stays as `remaining_s` says.
        """

    def release(self) -> None:
        """Give it up, so that another can take it at once (or when `outlast` is over). Harmless when it is not held."""


def boot_clock() -> float:
    """Seconds since boot, the same for all processes, running on while a process or the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Term(msgspec.Struct, frozen=True):
    holder: str
    renewed: float
    ttl_s: float
    outlast_s: float = 0.0
    """How long after `renewed` nobody may succeed, even if the holder is dead."""


_FIRST: Final = 1


class FileLease:
    """A lease in a folder's files: `<path>.<term>`, one file for each term of office, the highest one in force.

    The next term is taken by creating its file exclusively (a hard link, so that it appears whole): whoever comes
    second fails, there is no lock that a paused process could keep. The holder keeps a kernel lock on its own file,
    which the kernel drops when the process dies, however it dies. The highest file is never removed, so the highest
    number never falls.
    """

    def __init__(self, path: Path, holder: str, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self.retry_s = 0.3
        self._path = path
        self._holder = holder
        self._term = 0
        self._descriptor = -1
        self._until = 0.0
        self._outlast = 0.0

    def acquire(self) -> bool:
        """Take the next term, if the present one is vacant."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        current = self._current()
        if current and not self._vacant(current):
            return False
        return self._take(current + 1 if current else _FIRST)

    def renew(self) -> None:
        """Write the new time, and check that it was written while the old one still held.

        A pause may come between any two lines here. Whoever saw the term expired read it after its end, so a renewal
        that was on disk before that end has been seen by them.
        """
        now = boot_clock()
        if self._term:
            os.pwrite(self._descriptor, self._record(now), 0)
        if not self._term or boot_clock() >= self._until:
            raise LeaseLost(f"the lease of {self._holder} ran out {boot_clock() - self._until:.1f} s ago")
        if self._current() != self._term:
            raise LeaseLost(f"another instance took the lease from {self._holder}")
        self._until = now + self.ttl_s

    def remaining_s(self) -> float:
        """Seconds until our term ends."""
        return self._until - boot_clock() if self._term else 0.0

    def outlast(self, seconds: float) -> None:
        """Extend what the next renewal tells others."""
        self._outlast = max(self._outlast, boot_clock() + seconds)

    def release(self) -> None:
        """End the term: an empty file is vacant. A term that outlasts us keeps its record, without the lock."""
        if self._term:
            now = boot_clock()
            if self._outlast > now:
                os.pwrite(self._descriptor, self._record(now), 0)
            else:
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._term, self._until = 0, 0.0

    def _file(self, term: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{term}")

    def _current(self) -> int:
        """The highest term there is; 0 for none."""
        return max((term for term, _ in self._terms()), default=0)

    def _terms(self) -> Iterator[tuple[int, Path]]:
        for path in self._path.parent.iterdir():
            name, _, suffix = path.name.rpartition(".")
            if name == self._path.name and suffix.isdecimal():
                yield int(suffix), path

    def _vacant(self, term: int) -> bool:
        """Whether the term is over: given up, its holder dead, or its time up; and nothing outlasts it."""
        asked = boot_clock()  # before reading: see `renew`
        try:
            with self._file(term).open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    dead = True
                except BlockingIOError:
                    dead = False
                return self._over(file.read(), asked, dead=dead)
        except FileNotFoundError:
            return False  # somebody is two terms ahead: ask again

    @staticmethod
    def _over(record: bytes, now: float, *, dead: bool) -> bool:
        try:
            term = msgspec.json.decode(record, type=_Term)
        except msgspec.DecodeError:
            return dead or not record.strip()  # empty: given up; half a record: being written, ask again
        age = now - term.renewed
        if dead:
            return age < 0 or age >= term.outlast_s  # below 0: the machine was started anew since
        return age >= max(term.ttl_s, term.outlast_s)

    def _take(self, term: int) -> bool:
        draft = self._path.with_name(f"{self._path.name}.draft-{os.getpid()}")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = boot_clock()
            os.write(descriptor, self._record(now))
            os.link(draft, self._file(term))
        except FileExistsError:
            os.close(descriptor)
            return False
        finally:
            draft.unlink()
        if self._current() != term:  # we slept since we looked: this term was taken, ended and cleared away meanwhile
            os.close(descriptor)
            return False
        self._term, self._descriptor, self._until = term, descriptor, now + self.ttl_s
        self._forget_before(term)
        return True

    def _forget_before(self, term: int) -> None:
        for old, path in self._terms():
            if old < term:
                path.unlink(missing_ok=True)

    def _record(self, now: float) -> bytes:
        # One size for all renewals, so that a reader never sees the end of a longer, older record.
        return msgspec.json.encode(_Term(self._holder, now, self.ttl_s, max(self._outlast - now, 0.0))).ljust(512)
