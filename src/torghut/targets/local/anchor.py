"""The heads of the journal, kept in the Git history of the desired state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from torghut.ops.errors import JournalError, PreconditionError
from torghut.ops.journal import Head
from torghut.platform.files import write_atomically
from torghut.platform.git import Repository
from torghut.stack.desired import repository
from torghut.stack.home import Home

FILE: Final = "journal.json"


@dataclass(frozen=True)
class GitAnchor:
    """One file of the repository, a version of it for each head."""

    home: Home

    def heads(self) -> tuple[Head, ...]:
        """Every version that was ever committed, the oldest first."""
        try:
            return tuple(
                msgspec.json.decode(content, type=Head)
                for content in Repository(self.home.desired.parent).contents(FILE)
            )
        except msgspec.DecodeError as error:
            raise JournalError(f"{FILE} in {self.home.desired.parent} is not a head of a journal ({error})") from error

    def keep(self, head: Head, what: str) -> None:
        """Commit one more."""
        with repository(self.home) as git:
            if git is None:
                raise PreconditionError("procedures need Git, and this machine has none: install it")
            write_atomically(self.home.desired.parent / FILE, msgspec.json.encode(head) + b"\n")
            git.commit((FILE,), f"journal: {what}")
