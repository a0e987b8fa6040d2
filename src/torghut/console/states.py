"""The state that all browsers are told: made at most once a second, however many they are."""

from __future__ import annotations

import time
from typing import Final

from torghut.console.health import lags, market_hours, strip
from torghut.console.observer import Observer
from torghut.console.procedures import Procedures
from torghut.console.watcher import State
from torghut.wire.times import format_rfc3339

_PERIOD_NS: Final = 1_000_000_000


class States:
    """The newest state."""

    def __init__(self, observer: Observer, procedures: Procedures) -> None:
        self._observer = observer
        self._procedures = procedures
        self._made_ns = 0
        self._number = 0
        self._state: State

    def newest(self) -> tuple[int, State]:
        """The state, at most a second old, and its number."""
        now = time.time_ns()
        if now - self._made_ns >= _PERIOD_NS:
            self._made_ns = now
            self._number += 1
            seen = self._observer.observed()
            self._state = State(
                at=format_rfc3339(seen.now_ns),
                live=seen.reader.live,
                feed=seen.feed,
                hours=market_hours(seen),
                strip=strip(seen),
                lags=lags(seen),
                symbols=len(self._observer.board.symbols()),
                journal=self._procedures.mark(),
            )
        return self._number, self._state
