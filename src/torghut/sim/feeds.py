"""The clockwork: lets a market or a recording happen in real time, and stops, resumes and ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from torghut.sim.events import Event

_TICK_S: Final = 0.002


class Process(Protocol):
    """Something that happens as time goes by."""

    def advance(self, until_ns: int) -> list[Event]:
        """What happens after the last call and not later than `until_ns`."""


class Pace:
    """Whether the market runs now. Generation stops while it is held; nothing is made up for afterwards."""

    def __init__(self) -> None:
        self._running = asyncio.Event()
        self._running.set()

    @property
    def paused(self) -> bool:
        """Whether it is held."""
        return not self._running.is_set()

    def pause(self) -> None:
        """Hold."""
        self._running.clear()

    def resume(self) -> None:
        """Let go."""
        self._running.set()

    async def allowed(self) -> None:
        """Wait until it runs."""
        await self._running.wait()


async def run_process(
    process: Process, clock: Callable[[], int], pace: Pace, happen: Callable[[Sequence[Event]], None]
) -> None:
    """Let a process happen in step with the clock, for ever."""
    while True:
        if pace.paused:
            await pace.allowed()
            process.advance(clock())  # what would have happened meanwhile did not
        happen(process.advance(clock()))
        await asyncio.sleep(_TICK_S)
