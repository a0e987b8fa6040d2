"""The dedup window: which identities were accepted lately. O(1) per event, bounded in time and in number.

Identities are those of the contract, as `feed.messages.Message.identity`. A feed repeats trades and bars within
seconds (re-sends, overlaps after a reconnect), so a window of minutes is enough; a repair that reaches further back
reads what is already in Kafka instead of remembering it.
"""

from __future__ import annotations

from collections import deque

from torghut.feed.messages import Message

GENERATIONS = 4


class DedupWindow:
    """Identities accepted within the last `window_s` seconds, at most `capacity` of them.

    Kept as generations that are dropped whole: an identity is remembered for at least `window_s` (up to a quarter
    longer), unless more than `capacity` arrive in that time; then the oldest generation goes early and `evicted`
    counts what went. Not thread-safe.
    """

    def __init__(self, window_s: float, capacity: int = 400_000) -> None:
        self._window_s = window_s
        self._span_s = window_s / GENERATIONS
        self._share = max(1, capacity // (GENERATIONS + 1))
        self._generations: deque[set[tuple[str, str, int]]] = deque([set()], maxlen=GENERATIONS + 1)
        self._closed: deque[float] = deque(maxlen=GENERATIONS)  # when each but the newest was full
        self._started = 0.0
        self.evicted = 0

    def __len__(self) -> int:
        return sum(map(len, self._generations))

    def add(self, message: Message, now: float) -> bool:
        """Remember the message's identity. False if it was known already; true for messages that have none.

        Args:
            message: what arrived.
            now: monotonic seconds, never decreasing.
        """
        identity = message.identity
        if identity is None:
            return True
        key = (message.channel, message.symbol, identity)
        for generation in self._generations:
            if key in generation:
                return False
        newest = self._generations[-1]
        if now - self._started >= self._span_s or len(newest) >= self._share:
            newest = self._rotate(now)
        newest.add(key)
        return True

    def _rotate(self, now: float) -> set[tuple[str, str, int]]:
        if len(self._closed) == GENERATIONS and now - self._closed[0] < self._window_s:
            self.evicted += len(self._generations[0])
        self._closed.append(now)
        newest: set[tuple[str, str, int]] = set()
        self._generations.append(newest)
        self._started = now
        return newest
