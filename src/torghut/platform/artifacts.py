"""Pinned components from Maven, kept in a cache that checks itself.

A set of jars is named by a pom and by a list of SHA-256 sums, both committed. Jars are collected in a temporary
directory, compared with the list, and moved into place in one step, so a set in the cache is whole or absent; what a
broken-off download already had stays in the cache's own Maven repository and is not fetched again. A set that is there
and matches its list needs no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torghut.platform.errors import ArtifactError, storage_errors
from torghut.platform.waiting import wait_until

PINS: Final = Path(__file__).parent / "pins"
MAVEN_DEADLINE_S: Final = 1200.0
Report = Callable[[str], None]
"""Takes one line about the progress of a step."""


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """`$TORGHUT_CACHE`, by default `~/.cache/torghut`."""
    return Path(environment.get("TORGHUT_CACHE") or "~/.cache/torghut").expanduser().absolute()


def parse_checksums(text: str) -> dict[str, str]:
    """File name to SHA-256, from the lines that `sha256sum` writes."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return {name.strip().lstrip("*"): checksum for checksum, name in pairs}


@dataclass(frozen=True)
class JarSet:
    """A named set of jars: which pom gives it and what each file must be."""

    name: str
    pom: Path
    checksums: Mapping[str, str]

    @classmethod
    def pinned(cls, name: str) -> JarSet:
        """The set whose `NAME.pom.xml` and `NAME.sha256` are committed."""
        return cls(name, PINS / f"{name}.pom.xml", parse_checksums((PINS / f"{name}.sha256").read_text()))

    @property
    def version(self) -> str:
        """Changes with any pinned file, so that an old set in the cache is never taken for a new one."""
        lines = "".join(f"{name}={checksum};" for name, checksum in sorted(self.checksums.items()))
        return hashlib.sha256(lines.encode()).hexdigest()[:12]

    def directory(self, cache: Path) -> Path:
        """Where the set stands in the cache."""
        return cache / "jars" / f"{self.name}-{self.version}"


def damaged_files(directory: Path, checksums: Mapping[str, str]) -> list[str]:
    """Names of the files of the list that are missing in `directory` or are not what the list says."""
    return [name for name, checksum in checksums.items() if _checksum(directory / name) != checksum]


def _checksum(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def fetch_jars(jars: JarSet, cache: Path, report: Report = lambda _line: None) -> Path:
    """The directory with the set's jars, fetched if it is not in the cache or damaged there.

    Raises:
        ArtifactError: no Maven, no network, or the files are not the pinned ones.
        StorageError: the cache cannot be written or its disk is full.
    """
    target = jars.directory(cache)
    if target.is_dir():
        if not (damaged := damaged_files(target, jars.checksums)):
            return target
        report(f"{len(damaged)} damaged files in the cache, fetching them again")
    with storage_errors(cache):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{jars.name}.", dir=target.parent) as temporary:
            fresh = Path(temporary) / "jars"
            _copy_checked(jars, fresh, cache / "maven", report)
            _put_in_place(fresh, target)
    return target


def _copy_checked(jars: JarSet, fresh: Path, repository: Path, report: Report) -> None:
    _copy_dependencies(jars, fresh, repository, report)
    if damaged := damaged_files(fresh, jars.checksums):
        report(f"{len(damaged)} files are not as pinned, fetching them again")
        for name in damaged:
            for path in repository.rglob(name):
                path.unlink()
        shutil.rmtree(fresh, ignore_errors=True)
        _copy_dependencies(jars, fresh, repository, report)
        damaged = damaged_files(fresh, jars.checksums)
    if damaged:
        raise ArtifactError(
            f"{damaged[0]} (and {len(damaged) - 1} more) is not the pinned file after a second download: check the "
            f"Maven mirror in use, or renew {jars.name}.sha256 if the pom was changed on purpose"
        )


def _put_in_place(fresh: Path, target: Path) -> None:
    for file in fresh.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    if target.exists():
        shutil.rmtree(target)
    fresh.rename(target)


def _copy_dependencies(jars: JarSet, target: Path, repository: Path, report: Report) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ArtifactError("Maven is needed to fetch the components: install `mvn` (3.8 or newer) and try again")
    command = [
        maven,
        "--batch-mode",
        "--file",
        str(jars.pom),
        f"-Dmaven.repo.local={repository}",
        "dependency:copy-dependencies",
        f"-DoutputDirectory={target}",
    ]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            _follow(process, jars, repository, report)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise ArtifactError(explain_maven(said))


def _follow(process: subprocess.Popen[bytes], jars: JarSet, repository: Path, report: Report) -> None:
    seen = -1

    def finished() -> bool:
        nonlocal seen
        here = sum(1 for path in repository.rglob("*.jar") if path.name in jars.checksums)
        if here != seen:
            seen = here
            report(f"{here} of {len(jars.checksums)} files")
        return process.poll() is not None

    try:
        wait_until(finished, MAVEN_DEADLINE_S, "Maven", 0.5)
    except TimeoutError as error:
        raise ArtifactError(f"{error}: what was fetched is kept, so try again on a better connection") from error


_NO_NETWORK: Final = (
    "UnknownHost",
    "Unknown host",
    "name resolution",
    "Connection refused",
    "Connect timed out",
    "Connection timed out",
    "Connect to",
    "Network is unreach",
    "offline mode",
)
_CAUSES: Final = (
    (("No space left", "Disk quota"), "the disk of the cache is full: free some space and try again"),
    (_NO_NETWORK, "no network to the Maven repository: connect, or set a mirror in ~/.m2/settings.xml, and try again"),
    (("JAVA_HOME",), "Maven found no Java: install a JDK 17 or set JAVA_HOME"),
    (("Could not find artifact",), "the Maven repository does not have a pinned artifact: check the mirror in use"),
)


def explain_maven(said: str) -> str:
    """One sentence with the cause and what to do, from Maven's output."""
    for marks, sentence in _CAUSES:
        if any(mark in said for mark in marks):
            return sentence
    errors = [line for line in said.splitlines() if line.startswith("[ERROR]")]
    return f"Maven failed ({(errors or said.splitlines() or ['no output'])[0][:300]}): mend the cause and try again"
