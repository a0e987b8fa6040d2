"""What anybody may come to see while procedures run, searched for every secret that there was meanwhile.

To be seen are: what commands say on stdout and stderr, everything that is written below the home but for the secrets'
directory (logs, journals, reports, plans, the ledger), the arguments of all processes, and Git's history. Secrets are
what ever stood in a file of the secrets' directory, and what a test planted. What is found is told by its place: a
failing test must not say a secret either.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Final, TypeAlias

from torghut.drills.scene import Scene, Spoken
from torghut.stack.home import Home

SEEN: Final = "seen"
"""Folder of the home with what was seen of commands and processes."""

_WIDE: Final = {"COLUMNS": "500"}
"""A secret that a table breaks into two lines would not be found."""

_LOOK_EVERY_S: Final = 0.1
_PUBLIC: Final = frozenset({".pem", ".name", ".json", ".key_id"})
_STORAGE: Final = frozenset({"storage", ".minio.sys", ".git"})
"""The broker's own storage, and MinIO's; Git's, whose history is searched as text."""
_CONFIGURATION: Final = "data/flink/conf"
"""Flink takes its keys from its configuration: files that only their owner may read."""

Place: TypeAlias = tuple[str, bytes]


@dataclass
class Overheard(Scene):
    """A scene whose commands are overheard, and that knows every secret of before and after each of them."""

    planted: set[str] = field(default_factory=set, repr=False)

    def torghut(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Spoken:
        """The public command, its words kept."""
        self.planted |= secrets_of(self.home)
        spoken = super().torghut(*arguments, environment={**(environment or {}), **_WIDE})
        self.planted |= secrets_of(self.home)
        with transcript(self.home).open("a") as file:
            file.write(f"$ torghut {' '.join(arguments[:2])}\n{spoken.stdout}{spoken.stderr}")  # not what was given
        return spoken


def transcript(home: Home) -> Path:
    """The file that takes what commands say."""
    folder = home.root / SEEN
    folder.mkdir(exist_ok=True)
    return folder / "commands.log"


def begin(home: Home, *arguments: str) -> subprocess.Popen[bytes]:
    """A command that a test does not wait for; its words are kept like those of the others."""
    with transcript(home).open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "torghut", *arguments],
            env={**os.environ, "TORGHUT_HOME": str(home.root), **_WIDE},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )


@contextmanager
def processes_watched(home: Home) -> Iterator[None]:
    """Write down the arguments of every process that is met inside the block, again and again."""
    over = Event()
    watch = Thread(target=_watch, args=(transcript(home).with_name("arguments"), over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def secrets_of(home: Home) -> set[str]:
    """What stands in the files of the secrets' directory now."""
    return {text for file in home.secrets.rglob("*") if (text := _secret(file))}


def leaks(home: Home, planted: Iterable[str]) -> list[str]:
    """Where secrets can be seen, by place."""
    wanted = [secret.encode() for secret in planted]
    return [
        f"{place}: a secret of {len(secret)} characters"
        for place, text in _visible(home)
        for secret in wanted
        if secret in text
    ]


def _visible(home: Home) -> Iterator[Place]:
    desired = home.desired.parent
    history = subprocess.run(["git", "-C", str(desired), "log", "--all", "-p"], capture_output=True, check=True)
    yield "the history of the desired state", history.stdout
    yield "the arguments of a process", _arguments()
    for file in home.root.rglob("*"):
        kept = home.secrets in file.parents or _STORAGE & {*file.parts}
        if file.is_file() and not kept and not _is_kept_configuration(home, file):
            yield str(file), file.read_bytes()


def _is_kept_configuration(home: Home, file: Path) -> bool:
    return home.root / _CONFIGURATION in file.parents and not file.stat().st_mode & 0o077


def _watch(target: Path, over: Event) -> None:
    known: set[bytes] = set()
    while not over.wait(_LOOK_EVERY_S):
        new = {*_arguments().split(b"\n")} - known
        known |= new
        with target.open("ab") as file:
            file.writelines(line + b"\n" for line in new)


def _arguments() -> bytes:
    """Those of all processes, one a line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\n", b" "))
        except OSError:  # it ended meanwhile
            continue
    return b"\n".join(found)


def _secret(file: Path) -> str:
    """The file's text if it is a secret, by its name and size; else nothing."""
    try:
        text = file.read_bytes() if file.is_file() else b""
    except OSError:  # replaced or burnt meanwhile
        return ""
    public = file.suffix in _PUBLIC or file.name in {"key_id", "access_key"}
    return "" if public or not 8 < len(text) < 200 else text.decode().strip()
