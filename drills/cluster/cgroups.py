"""The node's own cgroups: one below the root of every hierarchy, which the node then sees as the root.

They are the one thing that the kernel does not take back with the node, and so they also tell which processes are its:
also of a node that nobody wrote down.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from drills.cluster.errors import ClusterError
from drills.cluster.places import NAME
from torghut.platform.waiting import wait_until

ROOT: Final = Path("/sys/fs/cgroup")
_DEADLINE_S: Final = 30.0


def hierarchies(mounts: str) -> dict[str, str]:
    """Directory below the root to mount options, of each hierarchy of cgroup 1 in `/proc/self/mounts`."""
    found = {}
    for line in mounts.splitlines():
        _, target, kind, options, *_ = line.split()
        if kind == "cgroup" and Path(target).parent == ROOT:
            own = (
                option for option in options.split(",") if option not in {"rw", "relatime", "nosuid", "nodev", "noexec"}
            )
            found[Path(target).name] = ",".join(own)
    return found


def join() -> None:
    """Make the node's cgroups and put this process into them.

    Raises:
        ClusterError: this machine has none of the kind that is known here.
    """
    found = hierarchies(Path("/proc/self/mounts").read_text())
    if not found:
        raise ClusterError(f"wanted cgroup 1 in {ROOT}, seen none: use another cluster, by KUBECONFIG")
    for hierarchy in found:
        own = ROOT / hierarchy / NAME
        own.mkdir(exist_ok=True)
        for inherited in ("cpuset.cpus", "cpuset.mems"):
            if (own / inherited).is_file() and not (own / inherited).read_text().strip():
                (own / inherited).write_text((own.parent / inherited).read_text())
        (own / "cgroup.procs").write_text(f"{os.getpid()}\n")


def members() -> set[int]:
    """Every process in the node's cgroups."""
    return {int(pid) for group in _groups() for pid in _read(group / "cgroup.procs").split()}


def remove() -> None:
    """End whatever is still in them, and remove them.

    Raises:
        TimeoutError: a process does not end.
    """

    def empty() -> bool:
        for pid in members():
            _kill(pid)
        return not members()

    wait_until(empty, _DEADLINE_S, f"the processes of cgroup {NAME} to end")
    wait_until(_removed, _DEADLINE_S, f"cgroup {NAME} to be removed")


def present() -> tuple[Path, ...]:
    """Those that are there."""
    return tuple(path for path in ROOT.glob(f"*/{NAME}") if path.is_dir())


def _removed() -> bool:
    for group in _groups():
        try:
            group.rmdir()
        except OSError:
            return False  # a process of it is not quite gone
    return True


def _groups() -> Iterator[Path]:
    """All of them, the innermost first."""
    for own in present():
        for directory, _, _ in os.walk(own, topdown=False):
            yield Path(directory)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
