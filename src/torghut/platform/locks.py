"""File locks that die with their holder, so that a killed process never leaves one behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torghut.platform.errors import storage_errors
from torghut.platform.waiting import wait_until


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock until it is closed; None when another process holds it."""
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock."""
    if not path.exists():
        return False
    descriptor = try_lock(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


@contextmanager
def locked(path: Path, deadline_s: float, what: str) -> Iterator[None]:
    """Hold the lock in the block, after waiting up to `deadline_s` seconds for it.

    Raises:
        TimeoutError: another process kept it.
    """
    descriptor = wait_until(lambda: try_lock(path), deadline_s, what, 0.05)
    try:
        yield
    finally:
        os.close(descriptor)
