"""A real Kubernetes: a node that gets Ready, a pod that runs, and nothing left of it however it ends.

`make drill-cluster` builds what it is made of (half an hour, once); it needs root.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from drills.cluster.cluster import Cluster
from drills.cluster.images import PAUSE_IMAGE, pause, torghut
from drills.cluster.places import Places
from drills.cluster.programs import KUBERNETES
from drills.cluster.system import System
from tools.deploy.documents import Object, write

from torghut.platform.artifacts import cache_directory
from torghut.platform.golang import program_path
from torghut.platform.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def quiet(_line: str) -> None:
    """Nobody reads the progress of a test."""


def machine() -> tuple[str, str]:
    """What a node could leave behind that no file shows: rules and mounts."""
    rules = "".join(subprocess.run([tool], capture_output=True, text=True, check=True).stdout for tool in _RULES)
    kept = [line for line in rules.splitlines() if not line.startswith(("#", ":"))]
    return "\n".join(kept), Path("/proc/self/mounts").read_text()


_RULES = ("iptables-save", "iptables-legacy-save")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cache = cache_directory()
    if os.geteuid() != 0 or not program_path(cache, KUBERNETES).is_file() or not pause(cache).archive.is_file():
        pytest.skip("no cluster in the cache: `make drill-cluster` builds it, as root")
    made = Cluster(Places(tmp_path / "cluster"), cache)
    if made.host.traces():
        pytest.skip(f"a cluster runs on this machine: {made.host.traces()[0]}")
    yield made
    made.down()


def pod(name: str) -> Object:
    """One that the restricted profile admits."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "dnsPolicy": "Default",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": name,
                    "image": PAUSE_IMAGE,
                    "resources": {"limits": {"memory": "64Mi"}},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def runs(cluster: Cluster, name: str) -> bool:
    """Whether the kubelet says so."""
    return cluster.kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}") == "Running"


def test_a_pod_runs_and_a_killed_node_leaves_nothing_behind(cluster: Cluster) -> None:
    before = machine()
    cluster.up(quiet)
    cluster.kubectl("apply", "-f", "-", given=write([pod("first")]))
    wait_until(lambda: runs(cluster, "first"), 120, "the pod to run", 0.5)
    address = cluster.kubectl("get", "pod", "first", "-o", "jsonpath={.status.podIP}")
    assert address.startswith("10.244.")
    assert "KUBE-SERVICES" in cluster.host.inside("iptables-save")

    node = cluster.host.running()
    assert node is not None
    os.kill(node.parent.pid, signal.SIGKILL)
    wait_until(lambda: cluster.host.running() is None, 20, "the node to go with its parent")
    cluster.down()
    assert cluster.host.traces() == ()
    assert machine() == before


def test_a_second_start_keeps_the_node_that_runs(cluster: Cluster) -> None:
    cluster.up(quiet)
    first = cluster.host.running()
    cluster.up(quiet)
    assert cluster.host.running() == first


def test_the_overlay_runs_and_every_event_is_in_kafka_once(cluster: Cluster) -> None:
    if not torghut(cluster.cache).archive.is_file():
        pytest.skip("no image of these sources in the cache: `make drill-cluster` makes it")
    cluster.up(quiet)
    system = System(cluster)
    system.up(quiet)

    def counted() -> bool:
        said = system.audit()
        assert said["verdict"] == "ok"
        assert isinstance(said["channels"], dict)
        return bool(said["channels"]["trades"]["sent"] > 0)

    wait_until(counted, 60, "trades that are old enough to be counted", 1.0)
