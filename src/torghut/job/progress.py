"""How far a shard has come, as it stands in checkpoints: small, versioned, and all that a rebuild starts from."""

from __future__ import annotations

from typing import Final

import msgspec

from torghut.job.clock import NS, Bounds, Clock, TopicClock
from torghut.ta.errors import StateVersionError

VERSION: Final = 2
"""2: partitions have other keys (`keys`)."""
_CLOCKS_S: Final = 60
"""By how much clocks may differ."""


class TopicProgress(msgspec.Struct, frozen=True, array_like=True):
    """How far a topic's log was taken in: the next offset, the newest event time, where recent seconds start."""

    next_offset: int
    newest: int
    starts: list[tuple[int, int]]

    @classmethod
    def of(cls, clock: TopicClock) -> TopicProgress:
        """That of a clock."""
        return cls(clock.next_offset, clock.newest, clock.starts)

    def clock(self, now_ns: int) -> TopicClock:
        """The clock that goes on from here. What is heard of the topic begins now."""
        clock = TopicClock(now_ns, self.next_offset, self.newest)
        clock.starts = list(self.starts)
        return clock


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """A shard's state apart from its symbols'. `last_print`: newest second with one.

    `wall_ns`: when it was taken. What was written by then carries no later time, and what is written after a later one.
    """

    closed: int
    last_print: int
    trades: TopicProgress
    quotes: TopicProgress
    wall_ns: int

    def finals_since(self, revision_s: int) -> int:
        """Before this time of the wall clock (ns) nothing was written that can be computed once more.

        A final is written after its second has ended, but for differences of clocks.
        """
        return max(0, min(self.wall_ns, self.closed * NS) - (revision_s + _CLOCKS_S) * NS)

    def clock(self, bounds: Bounds, now_ns: int) -> Clock:
        """The clock that goes on from here."""
        return Clock(bounds, self.trades.clock(now_ns), self.quotes.clock(now_ns), self.closed)


def dump_progress(progress: Progress) -> bytes:
    """State bytes."""
    return msgspec.msgpack.encode((VERSION, progress))


def load_progress(data: bytes) -> Progress:
    """The progress of the bytes.

    Raises:
        StateVersionError: they are of another version, or something else.
    """
    try:
        version, rest = msgspec.msgpack.decode(data, type=tuple[int, msgspec.Raw])
        if version != VERSION:
            raise StateVersionError(
                f"this job reads state of version {VERSION}, got {version}: submit the tag that wrote it, or start "
                "without state"
            )
        return msgspec.msgpack.decode(rest, type=Progress)
    except msgspec.MsgspecError as error:
        raise StateVersionError(f"wanted a shard's state of version {VERSION}: {error}") from error
