"""Processes as values: which one exactly, is it still that one, and how it is ended.

A pid alone names nobody: after a crash or a reboot it may belong to a stranger. A process is therefore known by its pid
together with the moment it started and the boot it started in (Linux: /proc).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from torghut.platform.waiting import wait_until

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Process(msgspec.Struct, frozen=True):
    """One process: its pid and `started`, which is the boot's id and the start in clock ticks since that boot."""

    pid: int
    started: str


@cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def find_process(pid: int) -> Process | None:
    """The process that has `pid` now; None when there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # proc_pid_stat(5): the name in field 2 may hold spaces and brackets; after it field 3 is the state, 22 the start.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else Process(pid, f"{_boot_id()}/{fields[19]}")


def started_ns(process: Process) -> int:
    """When it started, ns since the epoch, to a hundredth of a second."""
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    age_s = up_s - int(process.started.rpartition("/")[2]) / os.sysconf("SC_CLK_TCK")
    return time.time_ns() - int(age_s * 1e9)


def is_alive(process: Process) -> bool:
    """Whether this very process still runs."""
    return find_process(process.pid) == process


def _die_with_parent(signal_number: int = signal.SIGTERM) -> None:
    """In the child, before exec: ask for a signal when the parent dies (Linux; elsewhere the next start cleans up)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def die_with(parent: int, signal_number: int = signal.SIGTERM) -> None:
    """Make this process get that signal when its parent dies, or now if `parent` is not its parent any more.

    It stays so in what this process becomes by exec. A process that may be stopped (SIGSTOP) needs SIGKILL.
    """
    _die_with_parent(signal_number)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def spawn(
    command: Sequence[str], environment: Mapping[str, str], log: Path, directory: Path
) -> subprocess.Popen[bytes]:
    """Start a child that leads its own process group, appends its output to `log` and ends when we die.

    Call it from the main thread of a process without other threads: Linux ties the parent's death to that thread, and
    code runs between fork and exec.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
        )


def send(process: Process, signal_number: int) -> None:
    """Send a signal to this very process; nothing happens when it is gone."""
    if is_alive(process):
        try:
            os.kill(process.pid, signal_number)
        except ProcessLookupError:
            return


def kill_group(process: Process) -> None:
    """SIGKILL to what is left of the group that `process` leads or led."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def end(processes: Iterable[Process], grace_s: float) -> None:
    """SIGTERM to all, up to `grace_s` seconds to leave, then SIGKILL to what remains. Strangers are not touched.

    Raises:
        TimeoutError: one survives even SIGKILL.
    """
    alive = [process for process in processes if is_alive(process)]
    for process in alive:
        send(process, signal.SIGTERM)
        send(process, signal.SIGCONT)
    try:
        wait_until(lambda: not any(map(is_alive, alive)), grace_s, "processes to end", 0.05)
    except TimeoutError:
        stubborn = [process for process in alive if is_alive(process)]
        for process in stubborn:
            send(process, signal.SIGKILL)
        pids = ", ".join(str(process.pid) for process in stubborn)
        wait_until(lambda: not any(map(is_alive, stubborn)), 10, f"killed processes {pids} to end", 0.05)
    for process in alive:
        kill_group(process)


def resident_bytes(leaders: Iterable[int]) -> int:
    """Memory that the process groups of these leaders hold, as resident sets; what they share is counted each time."""
    groups, total = set(leaders), 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # proc_pid_stat(5): after the name, field 5 is the process group; field 24 the resident set, in pages.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[2]) in groups:
            total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return total
