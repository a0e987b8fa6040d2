"""Errors of outside systems.

PlatformError
├── ArtifactError      a pinned component could not be fetched or is damaged
├── JavaError          no usable Java
├── StorageError       a directory cannot be written, or the disk is full
├── KafkaError         the broker could not be set up (`platform.kafka`)
├── FlinkError         Flink did not do what it was asked (`platform.flink`)
├── KubernetesError    the API server refused or does not answer (`platform.kubernetes`)
├── ObjectStoreError   the object store could not be set up or read (`platform.s3`)
└── GitError           Git refused (`platform.git`)

Each message is one sentence that says what was wanted, what was seen and what to do.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class PlatformError(Exception):
    """Root of this package's errors."""


class ArtifactError(PlatformError):
    """A pinned component could not be fetched, or is not what the pins say."""


class JavaError(PlatformError):
    """No usable Java."""


class StorageError(PlatformError):
    """A directory cannot be written, or the disk is full."""


class KafkaError(PlatformError):
    """The broker could not be set up."""


class FlinkError(PlatformError):
    """Flink did not do what it was asked."""


class KubernetesError(PlatformError):
    """The API server refused or does not answer."""


class ObjectStoreError(PlatformError):
    """The object store could not be set up or read."""


class GitError(PlatformError):
    """Git refused, or is not installed."""


@contextmanager
def storage_errors(where: Path) -> Iterator[None]:
    """Turn a failed write below `where` into a sentence.

    Raises:
        StorageError: the disk is full, or the place is not writable.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"the disk of {where} is full: free some space and try again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise StorageError(
                f"{where} cannot be written ({error.strerror}): make it writable, or set TORGHUT_HOME or "
                "TORGHUT_CACHE to a directory that is"
            ) from error
        raise
