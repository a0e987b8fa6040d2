"""Where everything of one local stack stands: `$TORGHUT_HOME` and its parts. Two homes are two separate stacks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torghut.platform.errors import storage_errors


@dataclass(frozen=True)
class Home:
    """The paths below `root` (absolute)."""

    root: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Home:
        """`$TORGHUT_HOME`, by default `.torghut` in the working directory."""
        return cls(Path(environment.get("TORGHUT_HOME") or ".torghut").absolute())

    @property
    def document(self) -> Path:
        """What runs, where: written by the supervisor, read by everybody."""
        return self.root / "stack.json"

    @property
    def desired(self) -> Path:
        """What should run: the only thing that controls the supervisor."""
        return self.root / "desired" / "stack.json"

    @property
    def supervisor_lock(self) -> Path:
        """Locked by the supervisor as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def command_lock(self) -> Path:
        """Locked while `up` or `down` change something."""
        return self.root / "command.lock"

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.root / "logs"

    @property
    def data(self) -> Path:
        """What the processes keep."""
        return self.root / "data"

    @property
    def ledger(self) -> Path:
        """The sim's truth."""
        return self.data / "ledger"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, files of mode 0600."""
        return self.root / "secrets"

    @property
    def symbols(self) -> Path:
        """The symbols to subscribe to."""
        return self.root / "config" / "symbols"

    def log(self, process: str) -> Path:
        """The log of one process."""
        return self.logs / f"{process}.log"

    def prepare(self) -> None:
        """Make the directories.

        Raises:
            StorageError: the home cannot be written.
        """
        with storage_errors(self.root):
            for directory in (self.root, self.logs, self.data, self.desired.parent, self.symbols.parent):
                directory.mkdir(parents=True, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            (self.root / ".writable").touch()
            (self.root / ".writable").unlink()
