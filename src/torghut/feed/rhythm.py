"""How regularly something comes: its longest recent gap, whether it is dense, and how long a silence is normal."""

from __future__ import annotations

from typing import Final

MOST_PATIENCE: Final = 16.0

_GAPS: Final = 3.0
_PERIOD_S: Final = 300.0
_PATIENCE_S: Final = 3600.0
_DENSE_SECONDS: Final = 20
_DENSE_SHARE: Final = 0.8


class _Period:
    """What was seen in one stretch of time: the longest gap and the number of seconds that had something."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.gap = 0.0
        self.active = 0


class Rhythm:
    """Remembers the current period of five minutes and the one before. Times are monotonic seconds."""

    def __init__(self, now: float = 0.0) -> None:
        """Know nothing yet, and count silence from `now` on."""
        self.last = now
        self.known = False
        self._current = _Period(now)
        self._before = _Period(now)
        self._patience = 1.0
        self._patience_since = now
        self._fruitless = 1.0
        self._seen_since_start = False

    def start(self, now: float) -> None:
        """Count silence from `now` on; what was learned stays, and the pause before does not count."""
        if self.known:
            for period in (self._before, self._current):
                period.start += now - self.last
        else:
            self._before, self._current = _Period(now), _Period(now)
        self.last = now
        self._seen_since_start = False

    def seen(self, now: float) -> None:
        """It came."""
        period = self._current
        period.gap = max(period.gap, now - self.last)
        period.active += int(now) != int(self.last)
        self.last = now
        self.known = self._seen_since_start = True
        self._fruitless = 1.0

    def age(self, now: float) -> None:
        """Let go of what is old; to be called now and then."""
        if now - self._current.start >= _PERIOD_S:
            self._before, self._current = self._current, _Period(now)
        if now - self._patience_since >= _PATIENCE_S:
            self._patience, self._patience_since = max(1.0, self._patience / 2), now

    @property
    def dense(self) -> bool:
        """Whether nearly every second had something, so that silence is strange."""
        active = self._before.active + self._current.active
        seconds = self.last - self._before.start
        return active >= _DENSE_SECONDS and active >= _DENSE_SHARE * seconds

    def limit(self, base_s: float) -> float:
        """The longest normal silence, at least `base_s`."""
        patience = min(self._patience * self._fruitless, MOST_PATIENCE)
        return max(base_s * patience, _GAPS * max(self._before.gap, self._current.gap))

    def overdue(self, now: float, base_s: float) -> bool:
        """Whether the silence is longer than that."""
        return now - self.last > self.limit(base_s)

    def excuse(self, now: float) -> None:
        """The silence had consequences. Unless it was strange and they helped, they shall come later the next time."""
        if not self._seen_since_start:
            self._fruitless *= 2
        elif not self.dense:
            self._patience, self._patience_since = min(self._patience * 2, MOST_PATIENCE), now
