"""Finals that the output topics hold already.

After a restore from an older savepoint the job computes again what it has published before. What is there is not
written a second time; where a value changed (other code, other input), it becomes the next revision.
"""

from __future__ import annotations

from typing import NamedTuple

from torghut.wire.topics import Channel


class Place(NamedTuple):
    """What a final is about. `second` since the epoch."""

    channel: Channel
    symbol: str
    second: int


class _History:
    """The revisions of one place: a digest of each, the highest number, and the digest that stands there."""

    __slots__ = ("digests", "latest", "rewritten")

    def __init__(self) -> None:
        self.digests: dict[int, int] = {}
        self.latest = -1
        self.rewritten = False


class Published:
    """Revisions that were written, by place. Empty in a job that never went back."""

    def __init__(self) -> None:
        self._places: dict[Place, _History] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, place: Place, revision: int, payload: bytes) -> None:
        """The topic holds this."""
        history = self._places.setdefault(place, _History())
        history.digests[revision] = hash(payload)
        history.latest = max(history.latest, revision)

    def settle(self, place: Place, revision: int, payload: bytes) -> int | None:
        """The revision to write a computed final with; None when it is there already."""
        history = self._places.get(place)
        if history is None:
            return revision
        digest = hash(payload)
        known = history.digests.get(history.latest if history.rewritten else revision)
        if known == digest:
            return None
        if known is None and not history.rewritten and revision > history.latest:
            number = revision
        else:
            history.rewritten = True
            number = history.latest + 1
        history.digests[number] = digest
        history.latest = number
        return number

    def forget_before(self, second: int) -> None:
        """Forget what can no longer be computed again."""
        self._places = {place: history for place, history in self._places.items() if place.second >= second}
