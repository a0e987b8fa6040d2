"""What a reader makes of a sequence of envelopes: visible gaps, and the newest revision of each window. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import msgspec

from torghut.wire.envelope import Envelope
from torghut.wire.topics import Channel

Revisions: TypeAlias = Literal["latest", "all"]

_TA: Final = frozenset({Channel.TA_BARS, Channel.TA_SIGNALS})
_REMEMBERED: Final = 50_000


class Gap(msgspec.Struct, frozen=True):
    """`missing` sequence numbers between two records of one session were not seen; `seq` is the one that came."""

    channel: Channel
    symbol: str
    session: str
    after: int
    seq: int

    @property
    def missing(self) -> int:
        """How many records."""
        return self.seq - self.after - 1


class GapCheck:
    """Notices where `seq` jumps inside one session. TA's `seq` is a window's number, where jumps are quiet seconds."""

    def __init__(self) -> None:
        self._last: dict[tuple[Channel, str], tuple[str, int]] = {}

    def before(self, envelope: Envelope) -> Gap | None:
        """The gap between the last record and this one."""
        if envelope.channel in _TA:
            return None
        key = envelope.channel, envelope.symbol
        session, seq = self._last.get(key, ("", 0))
        self._last[key] = envelope.session, envelope.seq
        if session != envelope.session or envelope.seq <= seq + 1:
            return None
        return Gap(envelope.channel, envelope.symbol, envelope.session, seq, envelope.seq)


class LatestRevisions:
    """Passes a window's revision only when none at least as new was passed. Remembers the newest 50,000 windows."""

    def __init__(self) -> None:
        self._passed: OrderedDict[tuple[Channel, str, int], int] = OrderedDict()

    def passes(self, envelope: Envelope) -> bool:
        """Whether this is news."""
        if envelope.channel not in _TA:
            return True
        key, revision = _window(envelope), envelope.revision or 0
        if self._passed.get(key, -1) >= revision:
            return False
        self._passed[key] = revision
        if len(self._passed) > _REMEMBERED:
            self._passed.popitem(last=False)
        return True


class Backlog:
    """What was written before a reader came: of each window of TA only the newest revision, in its first place."""

    def __init__(self) -> None:
        self._kept: dict[object, Envelope] = {}

    def add(self, envelope: Envelope) -> None:
        """Keep it, in place of an older revision."""
        if envelope.channel not in _TA:
            self._kept[len(self._kept), ""] = envelope
            return
        key = _window(envelope)
        kept = self._kept.get(key)
        if kept is None or (kept.revision or 0) <= (envelope.revision or 0):
            self._kept[key] = envelope

    def drain(self) -> Iterator[Envelope]:
        """All that was kept, in order."""
        kept, self._kept = self._kept, {}
        yield from kept.values()


def _window(envelope: Envelope) -> tuple[Channel, str, int]:
    start = envelope.window.start if envelope.window else envelope.event_ts
    return envelope.channel, envelope.symbol, start
