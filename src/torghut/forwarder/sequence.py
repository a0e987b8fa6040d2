"""Sequence numbers: per (channel, symbol) +1 for each record of a session, greater than all of earlier sessions."""

from __future__ import annotations

from torghut.wire.topics import Channel


class Sequencer:
    """Numbers the records of one session, and names the session.

    All streams start at the same number: the session's start in microseconds, or one more than the greatest number
    that earlier sessions left in the topics, when that is larger (a clock that went back). Microseconds grow faster
    than any symbol's records, so a symbol that is not in the topics' tail is safe too.
    """

    def __init__(self, instance: str, start_us: int, greatest: int = 0) -> None:
        """Start a session of `instance` at `start_us` (microseconds since the epoch)."""
        self.first = max(start_us, greatest + 1)
        self.session = f"{instance}-{self.first:x}"
        self._next: dict[tuple[Channel, str], int] = {}

    def next(self, channel: Channel, symbol: str) -> int:
        """The number that the stream's next record gets."""
        return self._next.get((channel, symbol), self.first)

    def used(self, channel: Channel, symbol: str, seq: int) -> None:
        """A record got the number `seq`, which `next` gave."""
        self._next[channel, symbol] = seq + 1

    @property
    def greatest(self) -> int:
        """The greatest number used by this session; if it used none, what all of earlier ones lie at or below."""
        return max(self._next.values(), default=self.first) - 1
