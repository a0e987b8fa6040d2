"""Workloads of the local stack: supervised processes, their restarts and their logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.errors import PlatformError
from torghut.platform.processes import Process, end, started_ns
from torghut.runbooks.ports import Change, Instance
from torghut.stack.desired import read_desired, restart_for
from torghut.stack.document import ProcessRecord, StackDocument, running_document
from torghut.stack.home import Home
from torghut.stack.services import forwarder
from torghut.targets.local.desired import describe
from torghut.targets.local.strays import find_strays

PROCESSES: Final = {"job": ("jobmanager", "taskmanager", "ta-status")}
"""Workloads of several processes; any other is one process and its further instances `NAME-2`, ..."""
_MOST: Final = 20
_GRACE_S: Final = 15.0


@dataclass(frozen=True)
class LocalWorkloads:
    """What runs in a home."""

    home: Home

    def instances(self, workload: str) -> tuple[Instance, ...]:
        """Its processes. Until the supervisor has taken up the newest wish, none of them is ready."""
        document, desired = self._document(), read_desired(self.home)
        current = document.revision >= desired.revision
        found = self._records(document, workload)
        return tuple(
            Instance(
                name=name,
                ready=record.ready and current,
                reason=record.reason if current else "not taken up yet",
                token=desired.process(name).token,
                since_ns=started_ns(record.process) if record.process else 0,
            )
            for name, record in found.items()
        )

    def restart(self, workload: str, change: Change) -> None:
        """Start every process anew, once for this token."""
        names = tuple(self._records(self._document(), workload))
        if not names:
            raise RefusedError(f"{workload} does not run here")
        try:
            restart_for(self.home, names, change.token, describe(change))
        except (PlatformError, TimeoutError) as error:
            raise UnavailableError(str(error)) from error

    def strays(self, workload: str) -> tuple[str, ...]:
        """Processes in its role with its keys that are none of the stack's."""
        return tuple(self._strays(workload))

    def end_strays(self, workload: str, change: Change) -> None:  # noqa: ARG002 - what nobody declared is in no commit
        """SIGTERM, and SIGKILL to those that stay."""
        try:
            end(self._strays(workload).values(), _GRACE_S)
        except TimeoutError as error:
            raise UnavailableError(str(error)) from error

    def _strays(self, workload: str) -> dict[str, Process]:
        document = self._document()
        ours = frozenset(record.pid for record in document.processes.values() if record.pid is not None)
        key_file, _ = forwarder.key_files(self.home, read_desired(self.home).settings)
        return find_strays(workload, key_file.read_text().strip(), ours) if key_file.is_file() else {}

    def complaints(self, workload: str, words: tuple[str, ...], since_ns: int) -> tuple[str, ...]:
        """Lines of the logs since then with one of the words."""
        records = self._records(self._document(), workload).values()
        lines = (line for record in records for line in _lines(Path(record.log), since_ns))
        return tuple(line for line in lines if any(word in line for word in words))[-_MOST:]

    def _document(self) -> StackDocument:
        document = running_document(self.home)
        if document is None:
            raise UnavailableError(f"no stack runs in {self.home.root}: start it with `torghut up`")
        return document

    def _records(self, document: StackDocument, workload: str) -> dict[str, ProcessRecord]:
        names = PROCESSES.get(workload, (workload,))
        return {
            name: record
            for name, record in document.processes.items()
            if record.wanted and (name in names or (name.rpartition("-")[0] in names and name[-1].isdigit()))
        }


class _Line(msgspec.Struct):
    timestamp: str = ""


def _lines(log: Path, since_ns: int) -> Iterator[str]:
    """The lines of a structured log that are not older."""
    try:
        content = log.read_text(errors="replace")
    except OSError as error:
        raise UnavailableError(f"{log} cannot be read: {error.strerror}") from error
    for line in content.splitlines():
        if _time_ns(line) >= since_ns:
            yield line


def _time_ns(line: str) -> int:
    """When a line was written: our JSON lines, Java's (`2026-11-23 14:00:00,123 ...`); 0 for others."""
    try:
        stamp = msgspec.json.decode(line, type=_Line).timestamp if line.startswith("{") else line[:23].replace(",", ".")
        return int(datetime.fromisoformat(stamp).astimezone().timestamp() * 1e9)
    except (msgspec.DecodeError, ValueError):
        return 0
