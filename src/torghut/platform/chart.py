"""The chart library of the console's page: from npm, pinned with hashes by a lock file, fetched once.

`npm ci` also fetches what the page's tests check it with (axe-core). After that nothing needs the network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from torghut.platform.artifacts import Report
from torghut.platform.errors import ArtifactError, storage_errors

_PINS: Final = Path(__file__).with_name("pins") / "page"
_FILES: Final = ("package.json", "package-lock.json")
_CHART: Final = "node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.mjs"
_AXE: Final = "node_modules/axe-core/axe.min.js"
_DEADLINE_S: Final = 300.0


def _directory(cache: Path) -> Path:
    checksum = hashlib.sha256(b"".join((_PINS / name).read_bytes() for name in _FILES)).hexdigest()
    return cache / f"page-{checksum[:12]}"


def chart_file(cache: Path) -> Path | None:
    """The library, if it has been fetched."""
    return _if_there(_directory(cache) / _CHART)


def axe_file(cache: Path) -> Path | None:
    """The accessibility checker of the tests, if it has been fetched."""
    return _if_there(_directory(cache) / _AXE)


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def fetch_chart(cache: Path, report: Report = lambda _line: None) -> None:
    """Fetch both, unless they are there.

    Raises:
        ArtifactError: no npm, no network, or a package is not the locked one.
        StorageError: the cache cannot be written or its disk is full.
    """
    target = _directory(cache)
    if target.is_dir():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise ArtifactError("npm is needed to fetch the chart library of the console: install Node.js 20 or newer")
    report("the console's chart library")
    with storage_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".page.", dir=cache) as temporary:
            fresh = Path(temporary) / "page"
            fresh.mkdir()
            for name in _FILES:
                shutil.copyfile(_PINS / name, fresh / name)
            _install(npm, fresh)
            _put_in_place(fresh, target)


def _install(npm: str, directory: Path) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, check=False, timeout=_DEADLINE_S, env=os.environ
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(f"npm did not finish in {_DEADLINE_S:g} s: try again on a better connection") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-300:] or "no output"
        raise ArtifactError(f"npm could not fetch the chart library ({said}): mend the cause and try again")


def _put_in_place(fresh: Path, target: Path) -> None:
    try:
        fresh.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster with the same files
            raise
