"""MinIO, the object store of the local stack: built from its pinned Go module, run on the loopback.

Only starting it and making users is MinIO's own; everything else speaks plain S3 (`platform.s3`), so that any other
store can take its place. Upstream is archived: the version here is its last.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from torghut.platform.artifacts import Report
from torghut.platform.golang import Program, ensure_program, program_path
from torghut.platform.ports import LOOPBACK

PROGRAM: Final = Program("minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c")


def binary(cache: Path) -> Path:
    """Where the built program stands."""
    return program_path(cache, PROGRAM)


def ensure_minio(cache: Path, report: Report = lambda _line: None) -> Path:
    """The program, built if it is not there: some minutes of processor time.

    Raises:
        ArtifactError: there is no Go, no network, or it does not build.
        StorageError: the cache cannot be written or its disk is full.
    """
    return ensure_program(cache, PROGRAM, report)


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
        # Figures only, and on the loopback only: Prometheus needs no secret for them.
        "MINIO_PROMETHEUS_AUTH_TYPE": "public",
        "MINIO_CALLHOME_ENABLE": "off",
    }
