"""Which prints stand: corrections and cancels applied in their log's order, rightful dead letters left out.

A dead letter excuses its record only if the log can justify it: a print or a change of one is too late when its second
lies more than the revision time before the newest event that the partition held by then. Other dead letters are not
looked at: what is usable by our own reading has to be counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Final

from torghut.audit.ta.bars import Print
from torghut.audit.ta.rows import Letter, Tick
from torghut.audit.ta.terms import NS
from torghut.wire.topics import Channel

_AHEAD_NS: Final = 10 * NS
"""How far clocks may differ: an event much later than its receipt cannot be."""

NEVER: Final = 1 << 62


class Standing:
    """One symbol's prints after all that was said about them.

    `emptied`: seconds that lost a print. `unsettled`: the first second (since the epoch) that something received
    from `end_ns` on changed, `NEVER` without such: whether the job has worked that in is not known.
    """

    def __init__(
        self, ticks: Iterable[Tick], letters: Iterable[Letter], end_ns: int, floor: Callable[[Tick], int]
    ) -> None:
        """Apply all of them. `ticks` are in their log's order; `floor`: the oldest second that surely was open then."""
        self.emptied: set[int] = set()
        self.unsettled = NEVER
        self._end_ns = end_ns
        self._floor = floor
        self._dead = {(letter.channel, letter.seq) for letter in letters}
        self._prints: dict[int, Print] = {}
        self._live: defaultdict[str, list[int]] = defaultdict(list)
        for number, tick in enumerate(ticks):
            if not possible(tick.event_ts, tick.ingest_ts):
                continue
            if tick.channel == Channel.TRADES:
                self._add(number, tick)
            else:
                self._change(tick)

    @property
    def prints(self) -> Collection[Print]:
        """What counts, or would if its conditions let it."""
        return self._prints.values()

    def _add(self, number: int, tick: Tick) -> None:
        second = tick.event_ts // NS
        if not tick.price or not tick.size or self._excused(tick, second):
            return
        self._prints[number] = Print(tick.event_ts, tick.seq, tick.price, tick.size, tick.marks, tick.ingest_ts)
        self._live[tick.identity].append(number)
        self._touch(tick, second)

    def _excused(self, tick: Tick, second: int) -> bool:
        """Whether a dead letter tells of it, and the log agrees that it came too late."""
        return (tick.channel, tick.seq) in self._dead and second < self._floor(tick)

    def _touch(self, tick: Tick, second: int) -> None:
        if tick.ingest_ts >= self._end_ns:
            self.unsettled = min(self.unsettled, second)

    def _change(self, tick: Tick) -> None:
        known = self._live.get(tick.identity)
        is_correction = tick.channel == Channel.CORRECTIONS
        if not known or (is_correction and not (tick.price and tick.size)):
            return
        # Ids are taken again on other days: the newest second, and in it the last that came.
        number = max(known, key=lambda each: (self._prints[each].event_ts // NS, each))
        was = self._prints[number]
        second = was.event_ts // NS
        if self._excused(tick, second):
            return
        known.remove(number)
        self.emptied.add(second)
        self._touch(tick, second)
        if is_correction:
            self._prints[number] = Print(was.event_ts, was.seq, tick.price, tick.size, tick.marks, tick.ingest_ts)
            self._live[tick.renamed].append(number)
        else:
            del self._prints[number]


def possible(event_ts: int, ingest_ts: int) -> bool:
    """Whether an event received at `ingest_ts` can have happened then."""
    return 0 <= event_ts <= ingest_ts + _AHEAD_NS
