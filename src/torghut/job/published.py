"""Finals that the output topics hold already.

After a restore from an older savepoint the job computes again what it has published before. What is there is not
written a second time; where a value changed (other code, other input), it becomes the next revision. A bar and its
signal are settled together, so that both have the same revisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from torghut.wire.topics import Channel

FINALS: Final = (Channel.TA_BARS, Channel.TA_SIGNALS)


class Place(NamedTuple):
    """What finals are about. `second` since the epoch."""

    symbol: str
    second: int


class Settled(NamedTuple):
    """The revision that a computed bar and signal have in the topics, and which of both are still to be written."""

    revision: int
    channels: tuple[Channel, ...]


_Digests = dict[Channel, int]


class Published:
    """Revisions that were written, by place. Empty in a job that was never restored."""

    def __init__(self) -> None:
        self._places: dict[Place, dict[int, _Digests]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, channel: Channel, place: Place, revision: int, payload: bytes) -> None:
        """The topic of the channel holds this."""
        self._places.setdefault(place, {}).setdefault(revision, {})[channel] = hash(payload)

    def holds(self, place: Place) -> bool:
        """Whether the topics hold anything about it."""
        return place in self._places

    def settle(self, place: Place, revision: int, payloads: Mapping[Channel, bytes]) -> Settled:
        """Where a computed final stands: as it is in the topics already, else as their next revision."""
        known = self._places.get(place)
        if known is None:
            return Settled(revision, FINALS)
        digests = {channel: hash(payload) for channel, payload in payloads.items()}
        latest = max(known)
        for number in (revision, latest):
            written = known.get(number)
            if written is not None and written.items() <= digests.items():
                known[number] = digests
                return Settled(number, tuple(channel for channel in digests if channel not in written))
        known[latest + 1] = digests
        return Settled(latest + 1, FINALS)

    def forget_before(self, second: int) -> None:
        """Forget what can no longer be computed again."""
        self._places = {place: known for place, known in self._places.items() if place.second >= second}
