"""The job's own Python environment: PyFlink and all that it pins, apart from the one that runs everything else.

It is made by `uv` from a lock file with hashes, and named after that file's content. A whole one is never touched; one
that was broken off has no mark, and is made anew (what was downloaded stays in uv's cache).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from torghut.platform.artifacts import Report
from torghut.platform.errors import ArtifactError, storage_errors

_DEADLINE_S: Final = 1800.0
_MARK: Final = ".complete"


def environment_directory(lock: Path, cache: Path) -> Path:
    """Where the environment of this lock file stands."""
    return cache / f"job-env-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"


def site_packages(environment: Path) -> Path:
    """Where the environment's packages are."""
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def ensure_environment(lock: Path, cache: Path, report: Report = lambda _line: None) -> Path:
    """The environment, made if it is not there.

    Raises:
        ArtifactError: there is no uv, no network, or a package is not the locked one.
        StorageError: the cache cannot be written or its disk is full.
    """
    target = environment_directory(lock, cache)
    if (target / _MARK).is_file():
        return target
    uv = _find_uv()
    with storage_errors(cache):
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        report("Python environment of the job (about 800 MB)")
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(target)])
        python = str(target / "bin" / "python")
        _run([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)])
        (target / _MARK).touch()
    return target


def _find_uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise ArtifactError("uv is needed to make the job's Python environment: run `make setup`, or install uv")
    return found


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=_DEADLINE_S
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(
            f"uv did not finish in {_DEADLINE_S:g} s: what was fetched is kept, so try again on a better connection"
        ) from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-400:] or "no output"
        raise ArtifactError(f"uv could not make the job's Python environment ({said}): mend the cause and try again")
