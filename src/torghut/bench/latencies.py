"""Times from socket to acknowledgement, as a subject writes them and the bench reads them.

A subject that is asked for them (`BENCH_LATENCIES` names a file) appends each record's and writes them when it leaves.
"""

from __future__ import annotations

import os
from array import array
from pathlib import Path
from typing import Final

VARIABLE: Final = "BENCH_LATENCIES"


class Latencies:
    """Durations in nanoseconds, in order of acknowledgement."""

    def __init__(self) -> None:
        self._ns = array("q")
        self.add = self._ns.append

    def write(self, path: Path) -> None:
        """Store them."""
        path.write_bytes(self._ns.tobytes())


def wanted() -> Path | None:
    """Where the bench wants this process's times; None if it does not."""
    name = os.environ.get(VARIABLE)
    return Path(name) if name else None


def read_sorted_ms(path: Path) -> list[float]:
    """The times that a subject wrote, in milliseconds, the shortest first."""
    ns = array("q")
    ns.frombytes(path.read_bytes())
    return [value / 1e6 for value in sorted(ns)]


def percentile(ordered: list[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed (nearest rank)."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]
