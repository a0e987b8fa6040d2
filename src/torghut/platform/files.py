"""Files that are whole or absent, and secrets that only their owner can read."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from torghut.platform.errors import storage_errors

PRIVATE = 0o600


def make_private_directory(path: Path) -> Path:
    """`path` with mode 0700, made if need be.

    Raises:
        StorageError: it cannot be made.
    """
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
    return path


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace `path` in one step: a reader sees the old or the new content, also after a power cut.

    Raises:
        StorageError: the disk is full or the directory is not writable.
    """
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def make_secret(path: Path) -> str:
    """The secret in `path`; a new random one (0600) if there is none yet."""
    if path.is_file() and (found := path.read_text().strip()):
        return found
    secret = secrets.token_urlsafe(24)
    make_private_directory(path.parent)
    write_atomically(path, secret.encode() + b"\n", PRIVATE)
    return secret
