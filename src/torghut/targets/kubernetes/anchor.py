"""The heads of the journal, kept in the Git history of the overlay."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from torghut.ops.errors import JournalError
from torghut.ops.journal import Head
from torghut.targets.kubernetes.place import Place


@dataclass(frozen=True)
class GitAnchor:
    """One file beside the desired state for each journal, a version of it for each head. `journal` tells them apart."""

    place: Place
    journal: str

    @property
    def path(self) -> str:
        """The file in the repository."""
        return f"{self.place.overlay_path}/desired/journal-{self.journal}.json"

    def heads(self) -> tuple[Head, ...]:
        """Every version that was ever committed, the oldest first."""
        try:
            return tuple(msgspec.json.decode(content, type=Head) for content in self.place.git.contents(self.path))
        except msgspec.DecodeError as error:
            raise JournalError(f"{self.path} is not a head of a journal ({error})") from error

    def keep(self, head: Head, what: str) -> None:
        """Commit one more."""
        self.place.commit({self.path: msgspec.json.encode(head) + b"\n"}, f"journal: {what}")
