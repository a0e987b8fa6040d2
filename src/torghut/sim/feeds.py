"""The clockwork: lets a market or a recording happen in real time, and holds, resumes and ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count, islice
from typing import Final, Protocol

from torghut.sim.events import Event
from torghut.sim.replay import Recorded, Renumbering, Timeline, retimed
from torghut.wire.times import NS_PER_MS, NS_PER_S

_TICK_S: Final = 0.004
_STEP_NS: Final = 10 * NS_PER_MS
_MOST_BEHIND_NS: Final = 500 * NS_PER_MS
_DROP_S: Final = 0.6
"""A held market that trickles is further behind than is made up for, so that one step happens each time."""
_BATCH: Final = 400
"""Messages that happen together at full speed: large enough to be cheap, small enough to stay responsive."""

Happen = Callable[[Sequence[Event]], None]
Clock = Callable[[], int]


class Process(Protocol):
    """Something that happens as time goes by."""

    def advance(self, until_ns: int) -> list[Event]:
        """What happens after the last call and not later than `until_ns`."""

    def skip(self, to_ns: int) -> None:
        """Let nothing happen until then."""


class Pace:
    """Whether time runs for the market. While it is held nothing happens, and nothing is made up for afterwards.

    Held with a trickle, a generated market lets a few hundredths of what it would through, so that nobody takes its
    silence for a fault. `pauses` are the times (ns) from when to when it was held; those of the one that lasts end now.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running = asyncio.Event()
        self._running.set()
        self._over: list[tuple[int, int]] = []
        self._since = 0
        self._trickle = False
        self._end: asyncio.TimerHandle | None = None

    @property
    def paused(self) -> bool:
        """Whether it is held."""
        return not self._running.is_set()

    @property
    def pauses(self) -> tuple[tuple[int, int], ...]:
        """Oldest first."""
        return (*self._over, *(((self._since, self._clock()),) if self.paused else ()))

    def pause(self, for_s: float | None = None, *, trickle: bool = False) -> None:
        """Hold; with `for_s` no longer than that, should nobody let go."""
        self._trickle = trickle
        if not self.paused:
            self._since = self._clock()
        self._running.clear()
        self._forget_end()
        if for_s is not None:
            self._end = asyncio.get_running_loop().call_later(for_s, self.resume)

    def resume(self) -> None:
        """Let go."""
        if self.paused:
            self._over.append((self._since, self._clock()))
        self._running.set()
        self._forget_end()

    def _forget_end(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    async def allowed(self) -> None:
        """Wait until it runs, or for the next drop of a trickle."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DROP_S if self._trickle else None):
                await self._running.wait()


async def run_process(
    process: Process, clock: Clock, pace: Pace, happen: Happen, writable: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Let a process happen in step with the clock, for ever.

    With `writable` it waits for the readers instead of running ahead of them. When the process falls behind the clock
    (held, waiting, or more than the machine can do), it skips what it missed: a backlog would never be caught up.
    """
    done = clock()
    while True:
        await pace.allowed()
        if writable is not None:
            await writable()
        now = clock()
        if now - done > _MOST_BEHIND_NS:
            process.skip(done := now - _STEP_NS)
        done = min(now, done + _STEP_NS)
        happen(process.advance(done))
        await asyncio.sleep(_TICK_S if done == now else 0)


class Playback:
    """One recording, played once or again and again.

    Every pass has new trade ids, and times moved to now; with `keep_times` all times stay, and in the first pass the
    ids as well, so that what comes out can be compared byte by byte with what went in.
    """

    def __init__(
        self, recording: Callable[[], Iterator[Recorded]], clock: Clock, pace: Pace, happen: Happen, ids: Iterator[int]
    ) -> None:
        self._recording = recording
        self._clock = clock
        self._pace = pace
        self._happen = happen
        self._ids = ids

    async def play(
        self, *, speed: float | None, keep_times: bool, loop: bool, writable: Callable[[], Awaitable[None]]
    ) -> None:
        """Play to the end, or for ever with `loop`.

        `speed` None is as fast as `writable` lets it. Event times cannot follow a pace that nobody knows beforehand:
        at full speed each message's time is the moment it happens.
        """
        for number in count():
            ids = None if keep_times and number == 0 else Renumbering(self._ids)
            if speed is None:
                await self._play_all(keep_times=keep_times, ids=ids, writable=writable)
            else:
                await self._play_in_time(speed, keep_times=keep_times, ids=ids)
            if not loop:
                return

    async def _play_all(
        self, *, keep_times: bool, ids: Renumbering | None, writable: Callable[[], Awaitable[None]]
    ) -> None:
        lines = self._recording()
        while batch := list(islice(lines, _BATCH)):
            await self._pace.allowed()
            await writable()
            now = self._clock()
            self._happen(
                [
                    self._event(line, None if keep_times else now + place, ids)
                    for place, line in enumerate(batch, start=-len(batch))
                ]
            )
            await asyncio.sleep(0)

    async def _play_in_time(self, speed: float, *, keep_times: bool, ids: Renumbering | None) -> None:
        timeline: Timeline | None = None
        held = 0
        due: list[Event] = []
        for line in self._recording():
            if timeline is None:
                timeline = Timeline(line.recv_ns, self._clock(), speed)
            while (ahead := timeline.moved(line.recv_ns) + held - self._clock()) > 0 or self._pace.paused:
                self._happen(due)
                due = []
                held += await self._rest(ahead)
            due.append(self._event(line, None if keep_times else timeline.moved(line.event.t) + held, ids))
            if len(due) >= _BATCH:
                self._happen(due)
                due = []
                await asyncio.sleep(0)
        self._happen(due)

    async def _rest(self, ahead_ns: int) -> int:
        """Wait a little; returns for how long (ns) time was held meanwhile."""
        if self._pace.paused:
            before = self._clock()
            await self._pace.allowed()
            return self._clock() - before
        await asyncio.sleep(min(max(ahead_ns / NS_PER_S, _TICK_S), 0.1))
        return 0

    @staticmethod
    def _event(line: Recorded, t: int | None, ids: Renumbering | None) -> Event:
        event = line.event
        raw = event.raw if ids is None else ids.apply(event)
        if t is None:
            return event if ids is None else Event(event.feed, event.kind, event.symbol, event.t, raw)
        return retimed(event, t, raw)
