"""Prometheus and promtool: Debian's package, from the PATH or unpacked into the cache (without root, not installed)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from torghut.platform.artifacts import Report
from torghut.platform.errors import ArtifactError, storage_errors

_PACKAGE: Final = "prometheus"
_DEADLINE_S: Final = 300.0
_ADVICE: Final = "install Prometheus (on Debian: apt-get install prometheus), so that it is on the PATH"


def program(name: str, cache: Path) -> Path | None:
    """`prometheus` or `promtool`, if it is there."""
    if (found := shutil.which(name)) is not None:
        return Path(found)
    unpacked = cache / _PACKAGE / "usr" / "bin" / name
    return unpacked if unpacked.is_file() else None


def ensure_prometheus(cache: Path, report: Report = lambda _line: None) -> Path:
    """The server's program; fetched with apt if it is not there.

    Raises:
        ArtifactError: there is no apt, or it has no such package.
        StorageError: the cache cannot be written or its disk is full.
    """
    if (found := program("prometheus", cache)) is None:
        report("prometheus")
        with storage_errors(cache):
            _fetch(cache)
        found = program("prometheus", cache)
    if found is None:
        raise ArtifactError(f"Debian's package holds no prometheus: {_ADVICE}")
    return found


def _fetch(cache: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ArtifactError(f"Prometheus is needed, and this system has no apt: {_ADVICE}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".prometheus.", dir=cache) as temporary:
        folder = Path(temporary)
        _run(["apt-get", "download", _PACKAGE], folder)
        (archive,) = folder.glob("*.deb")
        _run(["dpkg-deb", "--extract", str(archive), str(folder / "unpacked")], folder)
        try:
            (folder / "unpacked").rename(cache / _PACKAGE)
        except OSError:
            if not (cache / _PACKAGE).is_dir():  # else another process was faster
                raise


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_DEADLINE_S)
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(f"{command[0]} did not finish in {_DEADLINE_S:g} s: try again, or {_ADVICE}") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-300:] or "no output"
        raise ArtifactError(f"{' '.join(command[:2])} failed ({said}): run `apt-get update`, or {_ADVICE}")
