"""Programs built from pinned Go modules, once, and kept in the cache.

Go itself checks every module against the public checksum database, or against the `go.sum` of a main package of ours.
A program is moved into place when it is whole, so it is in the cache or it is not; what a broken-off build already had
stays in Go's own cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from torghut.platform.artifacts import Report
from torghut.platform.errors import ArtifactError, storage_errors

_BUILD_DEADLINE_S: Final = 3600.0
_FETCH_DEADLINE_S: Final = 900.0


@dataclass(frozen=True)
class Program:
    """A program that its own module publishes: `package` at `version`, as `go install` takes them."""

    name: str
    package: str
    version: str

    @property
    def stamp(self) -> str:
        """Tells one build from another in the cache."""
        return self.version.rpartition("-")[2]

    def command(self, go: str, target: Path) -> tuple[list[str], Path | None]:
        """What builds it into `target`, and where that runs."""
        return ["env", f"GOBIN={target}", go, "install", "-ldflags", "-s -w", f"{self.package}@{self.version}"], None


@dataclass(frozen=True)
class OwnMain:
    """A main package of ours around published modules: a directory with `main.go`, `go.mod` and `go.sum`.

    With `package`, one that a module publishes and `go install` does not take, because its `go.mod` has replacements:
    the directory then holds only ours. `variables` are set by the linker: a program's idea of its own version.
    """

    name: str
    directory: Path
    variables: tuple[str, ...] = ()
    package: str = "."

    @property
    def stamp(self) -> str:
        """Changes with each file of the directory."""
        digest = hashlib.sha256(" ".join(self.variables).encode())
        for file in sorted(self.directory.iterdir()):
            digest.update(file.read_bytes())
        return digest.hexdigest()[:12]

    def command(self, go: str, target: Path) -> tuple[list[str], Path | None]:
        """What builds it into `target`, and where that runs."""
        flags = " ".join(["-s", "-w", *(f"-X {variable}" for variable in self.variables)])
        return [go, "build", "-ldflags", flags, "-o", str(target / self.name), self.package], self.directory


def program_path(cache: Path, program: Program | OwnMain) -> Path:
    """Where the built program stands, or will."""
    return cache / "bin" / f"{program.name}-{program.stamp}"


def ensure_program(cache: Path, program: Program | OwnMain, report: Report = lambda _line: None) -> Path:
    """The program, built if it is not there, at low priority.

    Raises:
        ArtifactError: there is no Go, no network, or it does not build.
        StorageError: the cache cannot be written or its disk is full.
    """
    target = program_path(cache, program)
    if target.is_file():
        return target
    go = _find_go(program.name)
    with storage_errors(cache):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{program.name}.", dir=target.parent) as temporary:
            report(f"building {program.name} (once)")
            command, directory = program.command(go, Path(temporary))
            _run(["nice", "-n", "10", *command], directory, f"{program.name} to be built", _BUILD_DEADLINE_S)
            (Path(temporary) / program.name).rename(target)
    return target


class _Module(msgspec.Struct):
    dir: str = msgspec.field(name="Dir")


def ensure_module(module: str, version: str) -> Path:
    """The directory with a module's published files, read-only, in Go's own cache; fetched if it is not there.

    Raises:
        ArtifactError: there is no Go, no network, or no such module.
    """
    command = [_find_go(module), "mod", "download", "-json", f"{module}@{version}"]
    said = _run(command, None, f"module {module}", _FETCH_DEADLINE_S)
    return Path(msgspec.json.decode(said, type=_Module).dir)


def _find_go(what: str) -> str:
    go = shutil.which("go")
    if go is None:
        raise ArtifactError(f"Go is needed for {what}: install Go 1.24 or newer and try again")
    return go


def _run(command: list[str], directory: Path | None, what: str, deadline_s: float) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -trimpath".strip()}
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=deadline_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(f"waited {deadline_s:g} s for {what}: try again, what was done is kept") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-400:] or "no output"
        raise ArtifactError(f"waited for {what}, but Go failed ({said}): mend the cause and try again")
    return done.stdout
