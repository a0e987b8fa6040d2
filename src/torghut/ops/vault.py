"""Secrets of the runs that are under way: one file of mode 0600 each, gone when the run ends."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from torghut.ops.errors import PreconditionError
from torghut.platform.files import PRIVATE, make_private_directory, write_atomically


class Vault:
    """The directory with them (0700). The operating system's user is the seal; nothing here is ever printed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def seal(self, run_id: str, secrets: Mapping[str, str]) -> None:
        """Keep them until `burn`."""
        make_private_directory(self._directory)
        write_atomically(self._file(run_id), msgspec.json.encode(dict(secrets)), PRIVATE)

    def open(self, run_id: str) -> dict[str, str]:
        """The secrets of an open run.

        Raises:
            PreconditionError: they are not there.
        """
        try:
            return msgspec.json.decode(self._file(run_id).read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError) as error:
            raise PreconditionError(
                f"the secrets of run {run_id} are not in {self._directory}: it cannot be continued; abandon it and"
                " start a new one"
            ) from error

    def burn(self, run_id: str) -> None:
        """Overwrite and remove them; nothing happens when they are gone."""
        file = self._file(run_id)
        if file.exists():
            with file.open("r+b") as content:
                content.write(b"\0" * file.stat().st_size)
                content.flush()
                os.fsync(content.fileno())
            file.unlink()

    def keep_only(self, run_ids: Collection[str]) -> None:
        """Burn what belongs to no open run: a start that never was, an end that was cut short."""
        for file in self._directory.glob("*.json"):
            if file.stem not in run_ids:
                self.burn(file.stem)

    def _file(self, run_id: str) -> Path:
        return self._directory / f"{run_id}.json"
