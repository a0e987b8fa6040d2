"""MinIO, the object store of the local stack: built from its pinned Go module, run on the loopback.

Only starting it and making users is MinIO's own; everything else speaks plain S3 (`platform.s3`), so that any other
store can take its place. Upstream is archived: the version here is its last.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from torghut.platform.artifacts import Report
from torghut.platform.errors import ArtifactError, storage_errors
from torghut.platform.ports import LOOPBACK

MODULE: Final = "github.com/minio/minio"
VERSION: Final = "v0.0.0-20260212201848-7aac2a2c5b7c"
_DEADLINE_S: Final = 1800.0


def binary(cache: Path) -> Path:
    """Where the built program stands."""
    return cache / "bin" / f"minio-{VERSION.rpartition('-')[2]}"


def ensure_minio(cache: Path, report: Report = lambda _line: None) -> Path:
    """The program, built if it is not there: some minutes of processor time, at low priority.

    Go checks the module and what it needs against the public checksum database.

    Raises:
        ArtifactError: there is no Go, no network, or it does not build.
        StorageError: the cache cannot be written or its disk is full.
    """
    target = binary(cache)
    if target.is_file():
        return target
    go = shutil.which("go")
    if go is None:
        raise ArtifactError("Go is needed to build MinIO: install Go 1.24 or newer and try again")
    with storage_errors(cache):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".minio.", dir=target.parent) as temporary:
            report("building MinIO (some minutes, once)")
            _build(go, temporary)
            (Path(temporary) / "minio").rename(target)
    return target


def _build(go: str, target: str) -> None:
    environment = {**os.environ, "GOBIN": target, "GOFLAGS": "-trimpath", "CGO_ENABLED": "0"}
    command = ["nice", "-n", "10", go, "install", "-ldflags", "-s -w", f"{MODULE}@{VERSION}"]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=_DEADLINE_S
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(f"MinIO did not build in {_DEADLINE_S:g} s: try again, what was built is kept") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-400:] or "no output"
        raise ArtifactError(f"MinIO could not be built ({said}): mend the cause and try again")


def server_command(program: Path, data: Path, port: int, console_port: int) -> tuple[str, ...]:
    """The foreground process. Root user and password come by MINIO_ROOT_USER and MINIO_ROOT_PASSWORD(_FILE)."""
    return (
        str(program),
        "server",
        "--quiet",
        "--address",
        f"{LOOPBACK}:{port}",
        "--console-address",
        f"{LOOPBACK}:{console_port}",
        str(data),
    )


def server_environment(user_file: Path, password_file: Path) -> dict[str, str]:
    """The variables of the server. The files hold the root user's name and password."""
    return {
        "MINIO_ROOT_USER_FILE": str(user_file),
        "MINIO_ROOT_PASSWORD_FILE": str(password_file),
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_CALLHOME_ENABLE": "off",
    }
