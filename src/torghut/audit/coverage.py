"""What had to arrive: coverage by acknowledged subscriptions, and when a connection could deliver at all.

Every acknowledgement carries the whole state of its connection. An event of (channel, symbol) is covered from the
first one that contains it until a later one of the same account and feed does not. A connection's end does not end
coverage: history repairs what happened meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from torghut.audit.model import Coverage
from torghut.wire.topics import Channel

_S: Final = 1_000_000_000
FOREVER: Final = 1 << 62

SUBSCRIBING_NS: Final = 10 * _S
"""How long a new connection may take to ask, step by step, for what the one before it had. Until then, what it has
not asked for again still counts as wanted."""

EDGE_NS: Final = 2 * _S
"""Around a connection's beginning and end, what was under way may be gone without anyone's fault."""

_STATE_KEYS: Final[Mapping[Channel, str]] = {
    Channel.TRADES: "trades",
    Channel.QUOTES: "quotes",
    Channel.BARS: "bars",
    Channel.UPDATED_BARS: "updatedBars",
    Channel.STATUSES: "statuses",
    Channel.LULDS: "lulds",
}
_WITH_TRADES: Final = frozenset({Channel.CORRECTIONS, Channel.CANCEL_ERRORS})

_UNTIL_RECONNECT: Final = frozenset({"half_open", "drop"})
_SILENCING: Final = _UNTIL_RECONNECT | {"mute"}


@dataclass
class Span:
    """A time in which something was so: `start` inclusive, `end` exclusive. `conn` confirmed it last."""

    start: int
    conn: int
    end: int = FOREVER
    ended_by: int | None = None


class _Wanted(NamedTuple):
    feed: str
    account: int
    channel: str
    symbol: str


@dataclass
class _Silence:
    """A fault during which connections look alive and deliver nothing."""

    name: str
    start: int
    end: int | None = None


@dataclass
class LedgerCoverage:
    """Coverage as the acknowledgements, connections and faults of a ledger tell it, in the ledger's order."""

    _spans: dict[_Wanted, list[Span]] = field(default_factory=dict)
    _by_event: dict[tuple[str, str, str], list[Span]] = field(default_factory=lambda: defaultdict(list))
    _active: dict[tuple[str, int], set[_Wanted]] = field(default_factory=lambda: defaultdict(set))
    _live: dict[int, Span] = field(default_factory=dict)
    _past: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    _silences: list[_Silence] = field(default_factory=list)
    _acks: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def acknowledged(self, ns: int, conn: int, account: int, feed: str, state: Mapping[str, Iterable[str]]) -> None:
        """An acknowledgement was sent to `conn`; `state` is its whole subscription, by Alpaca's channel names."""
        wanted = {
            _Wanted(feed, account, channel, symbol)
            for channel, key in _STATE_KEYS.items()
            for symbol in state.get(key, ())
        }
        active = self._active[feed, account]
        for key in active - wanted:
            span = self._spans[key][-1]
            span.end, span.ended_by = ns, conn
        for key in wanted:
            self._want(key, ns, conn)
        self._active[feed, account] = wanted
        if conn not in self._live:
            self._live[conn] = Span(ns, conn)
            self._past[feed].append(self._live[conn])
            self._acks[feed].append((ns, conn))

    def _want(self, key: _Wanted, ns: int, conn: int) -> None:
        spans = self._spans.setdefault(key, [])
        last = spans[-1] if spans else None
        if last is None or (last.end != FOREVER and not _still_subscribing(last, ns, conn)):
            last = Span(ns, conn)
            spans.append(last)
            self._by_event[key.feed, key.channel, key.symbol].append(last)
        last.conn, last.end, last.ended_by = conn, FOREVER, None

    def closed(self, ns: int, conn: int) -> None:
        """A connection ended."""
        span = self._live.pop(conn, None)
        if span is not None:
            span.end = ns

    def restarted(self, ns: int) -> None:
        """The simulator went away: no connection outlives it, and no fault. `ns` is when it was last heard of."""
        for conn in list(self._live):
            self.closed(ns, conn)
        for silence in self._silences:
            silence.end = ns if silence.end is None else silence.end

    def fault(self, ns: int, name: str, *, on: bool) -> None:
        """A fault was switched on or off."""
        name = name.replace("-", "_").lower()
        if on and name in _SILENCING:
            self._silences.append(_Silence(name, ns))
        for silence in self._silences if not on else ():
            if silence.name == name and silence.end is None:
                silence.end = ns

    def covers(self, feed: str, channel: str, symbol: str, ns: int) -> bool:
        """Whether an event at `ns` was wanted by an acknowledged subscription."""
        channel = Channel.TRADES if channel in _WITH_TRADES else channel
        for name in (symbol, "*"):
            for span in self._by_event.get((feed, channel, name), ()):
                if span.start <= ns < span.end:
                    return True
        return False

    def delivers(self, feed: str, ns: int) -> bool:
        """Whether a connection was acknowledged, and not silenced by a fault, well before and after `ns`."""
        if any(self._silenced(silence, feed, ns) for silence in self._silences):
            return False
        return any(span.start <= ns - EDGE_NS and ns + EDGE_NS < span.end for span in self._past.get(feed, ()))

    def _silenced(self, silence: _Silence, feed: str, ns: int) -> bool:
        """A half-open or dropped connection is silent until the client comes back, a mute one until the fault ends."""
        back = min((at for at, _ in self._acks.get(feed, ()) if at > silence.start), default=FOREVER)
        ends = [back] if silence.name in _UNTIL_RECONNECT or silence.end is None else []
        if silence.end is not None:
            ends.append(silence.end)
        return silence.start - EDGE_NS <= ns < max(ends) + EDGE_NS


@dataclass(frozen=True)
class BetweenInstances:
    """Coverage less the times in which no instance wrote, one having fallen silent and the next not begun.

    An instance that hangs keeps its connection, and what the feed delivers there nobody reads: no connection's end
    tells of it.
    """

    coverage: Coverage
    handovers: Collection[tuple[int, int]]

    def covers(self, feed: str, channel: str, symbol: str, ns: int) -> bool:
        """As the coverage itself: history repairs what happened meanwhile."""
        return self.coverage.covers(feed, channel, symbol, ns)

    def delivers(self, feed: str, ns: int) -> bool:
        """Whether a connection could deliver, and an instance was there that wrote."""
        hung = any(last - EDGE_NS <= ns < first + EDGE_NS for last, first in self.handovers)
        return not hung and self.coverage.delivers(feed, ns)


def _still_subscribing(last: Span, ns: int, conn: int) -> bool:
    """Whether `conn` merely asked later for what its own first acknowledgement did not contain yet."""
    return last.ended_by == conn != last.conn and ns - last.end < SUBSCRIBING_NS
