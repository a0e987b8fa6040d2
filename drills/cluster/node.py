"""The node: the first process in namespaces of its own, and the parent of everything that the cluster is made of.

When one of its processes ends, it ends, and with it all of them: a drill is not to go on over half a cluster. The log
says which one it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from tools.deploy.apiserver import is_ready

from drills.cluster import cgroups, places
from drills.cluster.credentials import make_credentials
from drills.cluster.daemons import Daemon, Daemons, search_path
from drills.cluster.errors import ClusterError
from drills.cluster.kafka import broker, standins
from drills.cluster.places import Places
from torghut.platform.artifacts import cache_directory
from torghut.platform.processes import find_process, spawn
from torghut.platform.waiting import wait_until

_LINK_DEADLINE_S: Final = 30.0
_READY_DEADLINE_S: Final = 240.0
_OWN: Final = {"lib": "/var/lib", "log": "/var/log"}
"""Directories of the machine that daemons write to, and what stands in their place here."""


def main(arguments: list[str]) -> int:
    """Be the node until told to leave, or until one of its processes ends: then 1."""
    signal.signal(signal.SIGTERM, _leave)
    node = Node(Places(Path(arguments[0])))
    node.prepare()
    node.start()
    return node.keep()


class Node:
    """The node and its processes by pid."""

    def __init__(self, where: Places) -> None:
        self._places = where
        self._running: dict[int, str] = {}

    def prepare(self) -> None:
        """Mounts and network of its own; the machine sees none of it, but for its end of the link."""
        _mount(self._places)
        wait_until(Path("/sys/class/net/eth0").exists, _LINK_DEADLINE_S, "the machine to give the node its link")
        _address()

    def start(self) -> None:
        """Start everything, in the order in which each thing needs the other.

        Raises:
            TimeoutError: the API server does not become ready.
        """
        cache = cache_directory()
        credentials = make_credentials(self._places)
        daemons = Daemons(self._places, credentials, cache)
        for daemon in daemons.first():
            self._spawn(daemon, cache)
        token = credentials.tokens.read_text().partition(",")[0]
        authority = credentials.certificates.ca
        wait_until(
            lambda: self._all_alive() and is_ready(self._places.url, authority, token),
            _READY_DEADLINE_S,
            "the API server",
            0.5,
        )
        for daemon in (*daemons.others(), broker(self._places, cache), *standins(self._places)):
            self._spawn(daemon, cache)

    def keep(self) -> int:
        """Wait for the end of a process that must not end; those that were orphaned here are only taken note of."""
        while True:
            pid, status = os.wait()
            if pid in self._running:
                sys.stderr.write(f"{self._running[pid]} ended ({status}): so does the node\n")
                return 1

    def _all_alive(self) -> bool:
        for pid, name in self._running.items():
            if find_process(pid) is None:
                raise ClusterError(f"{name} ended before the API server was ready: see {self._places.logs}/{name}.log")
        return True

    def _spawn(self, daemon: Daemon, cache: Path) -> None:
        log = self._places.logs / f"{daemon.name}.log"
        environment = {"HOME": "/root", **search_path(cache), **daemon.environment}
        child = spawn(daemon.command, environment, log, self._places.home)
        self._running[child.pid] = daemon.name


def _mount(where: Places) -> None:
    _run("mount", "--make-rshared", "/")
    for name, target in _OWN.items():
        own = where.data / "machine" / name
        own.mkdir(parents=True, exist_ok=True)
        _run("mount", "--bind", str(own), target)
    # The machine's name servers are not reached from here, and Kafka asks for the name of whoever connects.
    names = where.data / "machine" / "resolv.conf"
    names.write_bytes(b"")
    _run("mount", "--bind", str(names), "/etc/resolv.conf")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    hierarchies = cgroups.hierarchies(Path("/proc/self/mounts").read_text())
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(cgroups.ROOT))
    for name, options in hierarchies.items():
        (cgroups.ROOT / name).mkdir()
        _run("mount", "-t", "cgroup", "-o", _mountable(options), "cgroup", str(cgroups.ROOT / name))


def _mountable(options: str) -> str:
    """A hierarchy without a controller is mounted by its name alone."""
    return f"none,{options}" if options.startswith("name=") else options


def _address() -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", f"{places.NODE_ADDRESS}/{places.PREFIX}", "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    _run("ip", "route", "add", "default", "via", places.HOST_ADDRESS)
    _run("hostname", places.NODE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=30)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
