"""One procedure at a time on a target: a lock that names its holder and dies with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from torghut.ops.errors import HeldError
from torghut.platform.locks import try_lock


class Lock(Protocol):
    """A target's lock."""

    def held(self, holder: str) -> AbstractContextManager[None]:
        """Hold it in the block. `holder` says who, for others to read.

        Raises:
            HeldError: somebody else does.
        """
        ...


class FileLock:
    """A kernel lock on a file: it is gone when its holder is, however that ended."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def held(self, holder: str) -> Iterator[None]:
        """Hold it in the block."""
        descriptor = try_lock(self._path)
        if descriptor is None:
            raise HeldError(
                f"another procedure works on this target: {self._path.read_text().strip() or 'it has just begun'};"
                " wait until it ends"
            )
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
            yield
        finally:
            os.close(descriptor)
