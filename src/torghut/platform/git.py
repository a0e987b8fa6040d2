"""A small Git repository as a record of what was wanted: every change a commit, read back by anybody with Git.

It runs the `git` program. The user's own configuration, hooks and signing play no part: a commit here must not fail
because of them, and must not run anything.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from torghut.platform.errors import GitError

_DEADLINE_S: Final = 30.0
_PUSHES: Final = 3
_FIELD: Final = "\x1f"
_RECORD: Final = "\x1e"


@dataclass(frozen=True)
class Commit:
    """One commit: its id, the time (s since the epoch), who, and what was said."""

    sha: str
    at_s: int
    who: str
    message: str


class Repository:
    """The repository in `directory`, which is also its working tree. Writers take turns by a lock of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @staticmethod
    def available() -> bool:
        """Whether this machine has Git."""
        return shutil.which("git") is not None

    @classmethod
    def make(cls, directory: Path) -> Self:
        """The repository, made if it is not there.

        Raises:
            GitError: Git refused.
        """
        repository = cls(directory)
        if not (directory / ".git").is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            repository._git("init", "--quiet", "--initial-branch=main")
        return repository

    def commit(self, paths: Sequence[str], message: str) -> None:
        """Commit these files as they are; nothing happens when they are as committed.

        Raises:
            GitError: Git refused.
        """
        if not self._git("status", "--porcelain", "--", *paths):
            return
        (self.directory / ".git" / "index.lock").unlink(missing_ok=True)  # left by a writer that was killed
        self._git("add", "--", *paths)
        self._git("commit", "--quiet", "--no-verify", "--message", message, "--", *paths)

    def refresh(self) -> None:
        """Put what the branch's upstream has beneath what was committed here. Without an upstream there is nothing.

        Raises:
            GitError: it does not answer, or both changed the same lines.
        """
        if self._run("rev-parse", "--abbrev-ref", "@{upstream}").returncode == 0:
            self._git("fetch", "--quiet")
            done = self._run("rebase", "--quiet", "@{upstream}")
            if done.returncode != 0:
                self._run("rebase", "--abort")
                said = (done.stderr or done.stdout).decode(errors="replace").strip()[-300:]
                raise GitError(f"git rebase in {self.directory} failed ({said}): bring both together, then try again")

    def publish(self) -> None:
        """Push what was committed to the branch's upstream, on top of what others pushed.

        Raises:
            GitError: it does not answer, refused, or others were faster every time.
        """
        if self._run("rev-parse", "--abbrev-ref", "@{upstream}").returncode != 0:
            return
        for _ in range(_PUSHES - 1):
            if self._run("push", "--quiet").returncode == 0:
                return
            self.refresh()
        self._git("push", "--quiet")

    def content(self, path: str, revision: str = "HEAD") -> bytes | None:
        """A file as a commit has it; None when it has none, or when there is no commit."""
        done = self._run("show", f"{revision}:{path}")
        return done.stdout if done.returncode == 0 else None

    def log(self, path: str = ".") -> tuple[Commit, ...]:
        """The commits that changed `path`, the newest first."""
        fields = _FIELD.join(("%H", "%ct", "%an", "%B"))
        done = self._run("log", f"--format={fields}{_RECORD}", "--", path)
        records = done.stdout.decode().split(_RECORD)[:-1] if done.returncode == 0 else []
        return tuple(_parse(record) for record in records)

    def contents(self, path: str) -> tuple[bytes, ...]:
        """Every version of a file that was ever committed, the oldest first."""
        found = (self.content(path, commit.sha) for commit in reversed(self.log(path)))
        return tuple(content for content in found if content is not None)

    def _git(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-300:]
            raise GitError(f"git {arguments[0]} in {self.directory} failed ({said}): correct it there, then try again")
        return done.stdout.decode()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        who = f"{getpass.getuser()}@{socket.gethostname()}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_NAME": who,
            "GIT_AUTHOR_EMAIL": who,
            "GIT_COMMITTER_NAME": who,
            "GIT_COMMITTER_EMAIL": who,
        }
        command = ["git", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", *arguments]
        try:
            return subprocess.run(
                command, cwd=self.directory, env=environment, capture_output=True, check=False, timeout=_DEADLINE_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitError(f"git {arguments[0]} in {self.directory} did not run ({error}): install Git") from error


def _parse(record: str) -> Commit:
    sha, at, who, message = record.lstrip("\n").split(_FIELD, 3)
    return Commit(sha, int(at), who, message.strip())
