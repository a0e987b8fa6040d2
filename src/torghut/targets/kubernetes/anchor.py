"""The heads of the journal, kept in the Git history of the overlay."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from torghut.ops.errors import JournalError
from torghut.ops.journal import Head
from torghut.platform.files import write_atomically
from torghut.targets.kubernetes.place import Place, answers


@dataclass(frozen=True)
class GitAnchor:
    """One file beside the desired state, a version of it for each head."""

    place: Place

    @property
    def path(self) -> str:
        """The file in the repository."""
        return f"{self.place.overlay_path}/desired/journal.json"

    def heads(self) -> tuple[Head, ...]:
        """Every version that was ever committed, the oldest first."""
        try:
            return tuple(msgspec.json.decode(content, type=Head) for content in self.place.git.contents(self.path))
        except msgspec.DecodeError as error:
            raise JournalError(f"{self.path} is not a head of a journal ({error})") from error

    def keep(self, head: Head, what: str) -> None:
        """Commit one more."""
        with answers():
            write_atomically(self.place.repository / self.path, msgspec.json.encode(head) + b"\n")
            self.place.git.commit((self.path,), f"journal: {what}")
