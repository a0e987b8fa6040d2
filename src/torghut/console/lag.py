"""How late signals are: the newest latencies of each kind, and their percentiles."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Final

import msgspec

from torghut.wire.envelope import Envelope
from torghut.wire.topics import Channel

_NS_PER_MS: Final = 1_000_000
_KEPT: Final = 600
_FRESH_NS: Final = 30 * 1_000_000_000


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds, and of how many."""

    p50: float
    p99: float
    count: int


class LatencyWindow:
    """The newest 600 latencies of the last 30 seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float]] = deque(maxlen=_KEPT)

    def add(self, latency_ms: float, now_ns: int) -> None:
        """Count one that was seen at `now_ns`."""
        self._seen.append((now_ns, latency_ms))

    def percentiles(self, now_ns: int) -> Percentiles | None:
        """Of those that are fresh; None when there are none."""
        fresh = sorted(latency for at, latency in self._seen if at > now_ns - _FRESH_NS)
        if not fresh:
            return None
        return Percentiles(_quantile(fresh, 0.5), _quantile(fresh, 0.99), len(fresh))


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[max(0, ceil(share * len(ordered)) - 1)], 1)


class SignalLag:
    """From the receipt of the newest event that made a signal (`ingest_ts`) to its arrival here."""

    def __init__(self) -> None:
        self.provisional = LatencyWindow()
        self.final = LatencyWindow()

    def take(self, envelope: Envelope, now_ns: int) -> None:
        """Count a signal; revisions say nothing about how late signals are."""
        if envelope.channel is not Channel.TA_SIGNALS or envelope.revision:
            return
        window = self.final if envelope.is_final else self.provisional
        window.add((now_ns - envelope.ingest_ts) / _NS_PER_MS, now_ns)
