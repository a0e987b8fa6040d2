"""What this machine sees of a node: starting it, giving it its link, running something in it, removing every trace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from drills.cluster import cgroups, places
from drills.cluster.errors import ClusterError
from drills.cluster.places import Places
from torghut.platform.files import PRIVATE, make_private_directory, write_atomically
from torghut.platform.processes import Process, find_process, is_alive
from torghut.platform.waiting import wait_until

_TOOLS: Final = ("unshare", "nsenter", "ip", "mount", "iptables")
_BIRTH_DEADLINE_S: Final = 20.0
_END_DEADLINE_S: Final = 60.0
_COMMAND_DEADLINE_S: Final = 300.0
_PEER: Final = "eth0"


class NodeRecord(msgspec.Struct, frozen=True):
    """The node's first process, and its parent on this machine."""

    parent: Process
    first: Process


@dataclass(frozen=True)
class Host:
    """This machine, for the cluster in `places`."""

    places: Places

    def running(self) -> NodeRecord | None:
        """The node, if there is one and it is alive."""
        try:
            record = msgspec.json.decode(self.places.node_file.read_bytes(), type=NodeRecord)
        except FileNotFoundError:
            return None
        return record if is_alive(record.first) else None

    def start(self) -> NodeRecord:
        """Start a node; its processes come up by themselves.

        Raises:
            ClusterError: not root, a tool is missing, or it does not start.
        """
        _require()
        make_private_directory(self.places.home)
        log = self.places.logs / "node.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            parent = subprocess.Popen(
                (sys.executable, "-m", "drills.cluster.enter", str(self.places.home)),
                cwd=Path(__file__).parents[2],
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        first = wait_until(lambda: _node_of(parent, log), _BIRTH_DEADLINE_S, f"the node to start (see {log})")
        record = NodeRecord(parent=_known(parent.pid), first=first)
        write_atomically(self.places.node_file, msgspec.json.encode(record), PRIVATE)
        _link(first.pid)
        # Its end is noticed by the node's, not by us; nothing to warn about when this object goes.
        parent.returncode = 0
        return record

    def inside(self, *command: str) -> str:
        """What a command prints in the node's mounts and network.

        Raises:
            ClusterError: there is no node, or it failed.
        """
        record = self.running()
        if record is None:
            raise ClusterError(f"no cluster runs in {self.places.home}: start it with `make drill-cluster`")
        return run("nsenter", "--target", str(record.first.pid), "--mount", "--net", "--pid", "--", *command)

    def remove(self) -> None:
        """End the node however it is, and remove what it leaves behind.

        Raises:
            ClusterError: something remains.
            TimeoutError: a process does not end.
        """
        _require()
        record = self.running()
        for process in () if record is None else (record.first, record.parent):
            _kill(process)
        cgroups.remove()
        _unlink()
        shutil.rmtree(self.places.home, ignore_errors=True)
        if left := self.traces():
            raise ClusterError(f"still there: {', '.join(left)}")

    def traces(self) -> tuple[str, ...]:
        """What there is on this machine of any cluster: processes, cgroups, the link, mounts, files."""
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        return (
            *(f"process {pid}" for pid in sorted(cgroups.members())),
            *(f"cgroup {path}" for path in cgroups.present()),
            *((f"link {places.NAME}",) if _linked() else ()),
            *(f"mount {line.split()[1]}" for line in mounts if f"{self.places.home}/" in line),
            *((f"directory {self.places.home}",) if self.places.home.exists() else ()),
        )


_KEPT: Final = ("PATH", "HOME", "JAVA_HOME", "TORGHUT_CACHE", "LANG")


def run(*command: str, given: bytes = b"") -> str:
    """What a command prints.

    Raises:
        ClusterError: it failed.
    """
    done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=_COMMAND_DEADLINE_S)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-600:]
        raise ClusterError(f"{' '.join(command[:3])} ... failed: {said}")
    return done.stdout.decode()


def _require() -> None:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0 or sys.platform != "linux":
        raise ClusterError(
            "a node needs Linux, root, "
            f"and {', '.join(missing) or 'nothing else'} installed: or name another cluster with KUBECONFIG"
        )


def _node_of(parent: subprocess.Popen[bytes], log: Path) -> Process | None:
    """The one child that `unshare` has, once it is in namespaces of its own."""
    if parent.poll() is not None:
        raise ClusterError(f"the node ended at once: {log.read_text(errors='replace').strip()[-600:]}")
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    own = Path("/proc/self/ns/net").readlink()
    for child in children:
        if Path(f"/proc/{child}/ns/net").readlink() != own:
            return find_process(int(child))
    return None


def _known(pid: int) -> Process:
    process = find_process(pid)
    if process is None:
        raise ClusterError(f"process {pid} ended at once")
    return process


def _link(node: int) -> None:
    """A pair of interfaces between the machine and the node. It goes when the node's network does."""
    name, address = places.NAME, f"{places.HOST_ADDRESS}/{places.PREFIX}"
    run("ip", "link", "add", name, "type", "veth", "peer", "name", _PEER, "netns", str(node))
    run("ip", "address", "add", address, "dev", name)
    run("ip", "link", "set", name, "up")


def _linked() -> bool:
    return Path("/sys/class/net", places.NAME).exists()


def _unlink() -> None:
    """Connections that were cut keep the node's network for a minute or more, and with it the link."""
    if _linked():
        try:
            run("ip", "link", "delete", places.NAME)
        except ClusterError:
            wait_until(lambda: not _linked(), _END_DEADLINE_S, f"link {places.NAME} to go with the node")


def _kill(process: Process) -> None:
    if is_alive(process):
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
