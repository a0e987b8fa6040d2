"""History's last word on a minute: one repaired bar may stand for a bar, and for updates of it that were missed too.

The stream has a bar and perhaps updates of it; history has one bar a minute, with the values of the newest update. So a
repaired bar is right with the values of any update of its minute, and an update that came to Kafka as such a
bar is not lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from torghut.audit import identity
from torghut.audit.model import Record, TruthEvent
from torghut.audit.rows import Entry, decode
from torghut.wire.topics import Channel

_Minute: TypeAlias = tuple[str, str, int]


class Updates:
    """The truth's updated bars, by feed, symbol and minute."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._minutes: dict[_Minute, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.event.channel == Channel.UPDATED_BARS:
                self._minutes[_minute(entry.event)].append(entry)

    def told_by(self, record: Record) -> Entry | None:
        """The update whose values this repaired bar has. A live bar tells of none."""
        updates = self._minutes.get(_minute(record))
        if updates is None or not record.repaired or record.channel != Channel.BARS:
            return None
        values = identity.values(decode(record))
        return next((update for update in updates if identity.values(decode(update.event)) == values), None)

    def receive(self, bars: Iterable[Record]) -> None:
        """Take these repaired bars for the updates that nothing else brought."""
        for bar in bars:
            update = self.told_by(bar)
            if update is not None and update.missing:
                update.found += 1
                update.repaired += 1

    def overwritten(self, update: Entry) -> bool:
        """Whether history had a later word when it was asked: a later update of the minute was repaired."""
        if update.event.channel != Channel.UPDATED_BARS:
            return False
        others, happened_ns = self._minutes[_minute(update.event)], update.event.happened_ns
        return any(other.repaired for other in others if other.event.happened_ns > happened_ns)


def bar_of(update: Entry) -> Entry:
    """The bar of a minute of which the truth has updates only: it may have been recorded once."""
    bar = Entry(update.event)
    bar.optional = 1
    return bar


def _minute(row: TruthEvent | Record) -> _Minute:
    return row.feed, row.symbol, row.event_ts
