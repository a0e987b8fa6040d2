"""What a process costs, as the kernel counts it (Linux: /proc)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import msgspec

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Usage(msgspec.Struct, frozen=True):
    """`cpu_s`: seconds of processor time, user and system, all threads. `peak_mb`: most memory resident, 10^6 bytes."""

    cpu_s: float
    peak_mb: float


def usage_of(pid: int) -> Usage:
    """The costs so far. Processor time comes in steps of 10 ms.

    Raises:
        OSError: there is no such process.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(peak[1]) * 1024 / 1e6 if peak else 0.0)
