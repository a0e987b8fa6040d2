"""Telling a mute connection from a quiet market.

Connections have been seen open and silent for hours, and they answered pings all the while. So only data counts as a
sign of life: not pings or pongs, which the server's socket layer answers without its market data, not control
messages, which answer what we sent, and not frames that hold nothing we understand.

Silence means something only where data is expected:

- Outside the feed's trading hours nothing is expected, and silence is measured from the opening on.
- Trades and quotes are expected all the time, statuses, LULDs and updated bars never, bars once a minute while trades
  flow, if they ever came.
- How often is learned: the limit is `stale_after_s` or three times the longest recent gap, whichever is longer. In
  extended hours, when little is traded, `stale_after_s` counts eight times.
- Silence of something that was not seen to be dense may be just quiet: each reconnect that was due to it doubles the
  limit for an hour, so that a few quiet symbols cost a few reconnects and not one every few seconds. A reconnect that
  brings nothing doubles it until something comes: then it is the market that is silent.
- One channel that falls silent while others flow gets three times the limit, and sixteen times that unless it was
  dense: a channel may be quiet by itself.
"""

from __future__ import annotations

from typing import Final

import msgspec

from torghut.calendar import Calendar, Kind
from torghut.feed.rhythm import MOST_PATIENCE, Rhythm
from torghut.feed.subscription import Subscription
from torghut.wire.times import NS_PER_S
from torghut.wire.topics import Channel

_FLOWING: Final = (Channel.TRADES, Channel.QUOTES)
_ALONE: Final = 3.0
_EXTENDED_HOURS: Final = 8.0
_BARS_S: Final = 180.0
_DELAYED_NS: Final = 15 * 60 * NS_PER_S


class Stale(msgspec.Struct, frozen=True):
    """A connection that should deliver and does not. `channel` is None when nothing at all comes; in seconds."""

    channel: Channel | None
    silent_s: float
    limit_s: float

    @property
    def detail(self) -> str:
        """In words, for status and log."""
        what = self.channel.value if self.channel else "data"
        return f"no {what} for {self.silent_s:.1f} s (limit {self.limit_s:.1f} s)"


class Watchdog:
    """Watches the connections of one feed, one after the other. Times are monotonic seconds unless they end in ns."""

    def __init__(self, calendar: Calendar, stale_after_s: float, feed: str) -> None:
        """Watch nothing yet.

        Args:
            calendar: the feed's trading hours.
            stale_after_s: the least silence that is suspicious.
            feed: its name in the contract; `delayed_sip` runs a quarter of an hour behind the clock.
        """
        self._calendar = calendar
        self._stale_after_s = stale_after_s
        self._delay_ns = _DELAYED_NS if feed == "delayed_sip" else 0
        self._all = Rhythm()
        self._channels = {channel: Rhythm() for channel in (*_FLOWING, Channel.BARS)}
        self._watched: tuple[Channel, ...] = ()
        self._session_start: int | None = None

    def subscribed(self, state: Subscription, now: float) -> None:
        """The connection delivers this from now on."""
        before, self._watched = self._watched, tuple(c for c in self._channels if state.symbols(c))
        if not before:
            self._all.start(now)
        for channel in self._watched:
            if channel not in before:
                self._channels[channel].start(now)

    def disconnected(self) -> None:
        """There is no connection to watch, or nobody reads it: its silence would be ours."""
        self._watched = ()

    def observed(self, channel: Channel, now: float) -> None:
        """Data of a channel arrived; to be called once for each channel in a frame."""
        self._all.seen(now)
        rhythm = self._channels.get(channel)
        if rhythm is not None:
            rhythm.seen(now)

    def check(self, wall_ns: int, now: float) -> Stale | None:
        """Whether the connection is mute; to be called about once a second.

        Says so once: then `subscribed` has to come again, from the next connection.
        """
        session = self._calendar.session_at(wall_ns - self._delay_ns)
        if self._calendar_moved(session.start, session.kind):
            self._forget(now)
        for rhythm in (self._all, *self._channels.values()):
            rhythm.age(now)
        if not session.is_open or not any(channel in self._watched for channel in _FLOWING):
            return None
        extended = session.kind in (Kind.PRE, Kind.POST)
        return self._stale(now, self._stale_after_s * (_EXTENDED_HOURS if extended else 1.0))

    def _calendar_moved(self, start: int, kind: Kind) -> bool:
        """Whether another session began. The days of a market that never closes are all alike."""
        before, self._session_start = self._session_start, start
        return before is not None and before != start and kind is not Kind.CRYPTO

    def _forget(self, now: float) -> None:
        """What was learned in another session does not hold in this one."""
        self._all = Rhythm(now)
        self._channels = {channel: Rhythm(now) for channel in self._channels}

    def _stale(self, now: float, base_s: float) -> Stale | None:
        if self._all.overdue(now, base_s):
            return self._report(self._all, None, now, base_s)
        others_flow = now - self._all.last <= self._stale_after_s
        for channel in self._watched if others_flow else ():
            rhythm = self._channels[channel]
            if channel is Channel.BARS:
                alone_s = max(_BARS_S, base_s)
                expected = rhythm.known and self._trades_flow(now)
            else:
                alone_s = base_s * _ALONE * (1.0 if rhythm.dense else MOST_PATIENCE)
                expected = True
            if expected and rhythm.overdue(now, alone_s):
                return self._report(rhythm, channel, now, alone_s)
        return None

    def _trades_flow(self, now: float) -> bool:
        silent_s = now - self._channels[Channel.TRADES].last
        return Channel.TRADES in self._watched and silent_s <= self._stale_after_s

    def _report(self, rhythm: Rhythm, channel: Channel | None, now: float, base_s: float) -> Stale:
        stale = Stale(channel, now - rhythm.last, rhythm.limit(base_s))
        rhythm.excuse(now)
        self._watched = ()
        return stale
