"""Matching an overlap: what is in Kafka already, what history says, and what the new connection delivers.

After a gap the same event can be known three times: published before the gap, present in the fetched history, and
delivered (or still to be delivered) by the new connection. Trades and bars have identities, quotes have not, and
identical quotes within a millisecond are common; so events are matched as a multiset: if history holds k equal
quotes, exactly k are in Kafka afterwards. History is the truth for what it covers; what it lacks is taken from the
connection, less what was published before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable


class Overlap:
    """Counts of equal events from the three sources. One instance for one repair.

    Use: construct with the keys of Kafka's tail; `buffer` each live event as it arrives; then `missing` for each
    event of history; then `release` for each live event, the buffered ones first and later arrivals as they come.
    """

    def __init__(self, published: Iterable[Hashable] = ()) -> None:
        self._published = Counter(published)
        self._buffered: Counter[Hashable] = Counter()
        self._promised: Counter[Hashable] = Counter()
        self._covered: set[Hashable] = set()

    def buffer(self, key: Hashable) -> None:
        """A live event arrived and waits for `release`."""
        self._buffered[key] += 1

    def missing(self, key: Hashable, *, recent: bool = True) -> bool:
        """Whether this event of history has to be published now, because nobody else has it.

        `recent`: it may still be delivered live. Others need not be remembered.
        """
        if recent:
            self._covered.add(key)
        if _take(self._published, key):
            return False
        if _take(self._buffered, key):
            self._promised[key] += 1
            return False
        return True

    def release(self, key: Hashable) -> bool:
        """Whether this live event is to be published: no equal one stands for it already."""
        if _take(self._promised, key):
            return True
        return key not in self._covered and not _take(self._published, key)


def _take(counts: Counter[Hashable], key: Hashable) -> bool:
    """Use up one of `key`, if there is one."""
    left = counts.get(key, 0)
    if left == 1:
        del counts[key]
    elif left:
        counts[key] = left - 1
    return left > 0
