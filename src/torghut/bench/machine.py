"""The machine and the versions that figures belong to."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import confluent_kafka
import msgspec


class Machine(msgspec.Struct, frozen=True):
    """Where and with what was measured. `load_average` is that of the minute before: others may have been at work."""

    date: str
    cpu: str
    cores: int
    memory_gb: float
    system: str
    load_average: float
    versions: dict[str, str]


def this_machine(*packages: str) -> Machine:
    """This one now, with the versions of Python, librdkafka and `packages`."""
    return Machine(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        system=f"{platform.system()} {platform.release()}",
        load_average=round(os.getloadavg()[0], 2),
        versions={
            "python": sys.version.split()[0] + ("" if _optimised() else " (built without PGO)"),
            "librdkafka": confluent_kafka.libversion()[0],
            **{package: version(package) for package in packages},
        },
    )


def _optimised() -> bool:
    """Whether this Python was built with profile-guided optimisation: worth a quarter of the interpreter's speed."""
    return "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
