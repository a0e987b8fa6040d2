"""Tags: versions of the job as immutable artefacts, several side by side.

A tag is a directory with the whole `torghut` package as it was, the script that Flink runs, and a manifest with a
digest of all of it. It is made once and never changed; what was submitted last month can be submitted again.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MANIFEST: Final = "tag.json"
_SCRIPT: Final = "run.py"
_RUN: Final = '"""What Flink runs."""\n\nfrom torghut.job.main import main\n\nmain()\n'


class TagError(Exception):
    """A tag is missing, badly named, or not what it was."""


class Tag(msgspec.Struct, frozen=True):
    """A tag: its name, and the SHA-256 of its files."""

    name: str
    digest: str


class Tags:
    """The tags installed below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory: Final = directory

    def code(self, name: str) -> Path:
        """What goes into PYTHONPATH."""
        return self.directory / name

    def script(self, name: str) -> Path:
        """What Flink runs."""
        return self.code(name) / _SCRIPT

    def installed(self) -> list[str]:
        """Names, sorted."""
        return sorted(path.parent.name for path in self.directory.glob(f"*/{_MANIFEST}"))

    def install(self, name: str | None, package: Path) -> Tag:
        """Make the tag of the package at `package`. One that is there already stays as it is.

        Without a name it is named after what it holds: other code is another tag.

        Raises:
            TagError: the name cannot be used, or the tag that is there was changed.
        """
        if name is not None and not _NAME.fullmatch(name):
            raise TagError(f"tag {name!r}: wanted 1 to 64 letters, digits, dots, dashes or underscores")
        if name is not None and (self.code(name) / _MANIFEST).is_file():
            return self.check(name)
        self.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new.", dir=self.directory) as temporary:
            fresh = Path(temporary) / "code"
            shutil.copytree(package, fresh / "torghut", ignore=shutil.ignore_patterns("__pycache__"))
            (fresh / _SCRIPT).write_text(_RUN)
            digest = _digest(fresh)
            tag = Tag(name or f"src-{digest[:12]}", digest)
            if (self.code(tag.name) / _MANIFEST).is_file():
                return self.check(tag.name)
            (fresh / _MANIFEST).write_bytes(msgspec.json.encode(tag))
            for path in fresh.rglob("*"):
                if path.is_file():
                    path.chmod(0o444)
            fresh.rename(self.code(tag.name))
        return tag

    def check(self, name: str) -> Tag:
        """The tag, if it is still what it was made as.

        Raises:
            TagError: it is missing or was changed.
        """
        try:
            tag = msgspec.json.decode((self.code(name) / _MANIFEST).read_bytes(), type=Tag)
        except (OSError, msgspec.MsgspecError) as error:
            known = ", ".join(self.installed()) or "none"
            raise TagError(f"tag {name!r} is not installed: wanted one of {known}") from error
        if _digest(self.code(name)) != tag.digest:
            raise TagError(f"tag {name!r} was changed after it was made: remove {self.code(name)} and install it anew")
        return tag


def _digest(code: Path) -> str:
    total = hashlib.sha256()
    for path in _files(code):
        total.update(f"{path.relative_to(code)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _files(code: Path) -> Iterator[Path]:
    for path in sorted(code.rglob("*")):
        if path.is_file() and path.name != _MANIFEST and "__pycache__" not in path.parts:
            yield path
