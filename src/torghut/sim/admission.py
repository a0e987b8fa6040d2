"""How many connections an account may have to one endpoint, with sessions that linger after they ended."""

from __future__ import annotations

from torghut.wire.times import NS_PER_S


class Admission:
    """Counts connections by (account, feed). A connection that ended still counts for `linger_s` seconds."""

    def __init__(self, limit: int, linger_s: float = 0.0) -> None:
        self.limit = limit
        self.linger_s = linger_s
        self._open: dict[int, tuple[int, str]] = {}
        self._lingering: list[tuple[tuple[int, str], int]] = []

    def admits(self, account: int, feed: str, now_ns: int) -> bool:
        """Whether one more connection is within the limit."""
        self._lingering = [(who, until) for who, until in self._lingering if until > now_ns]
        held = [*self._open.values(), *(who for who, _ in self._lingering)]
        return held.count((account, feed)) < self.limit

    def enter(self, connection: int, account: int, feed: str) -> None:
        """The connection counts from now on."""
        self._open[connection] = (account, feed)

    def leave(self, connection: int, now_ns: int) -> None:
        """The connection ended; harmless for one that never entered."""
        who = self._open.pop(connection, None)
        if who is not None and self.linger_s > 0:
            self._lingering.append((who, now_ns + int(self.linger_s * NS_PER_S)))
