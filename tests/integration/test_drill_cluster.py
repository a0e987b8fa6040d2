"""A real Kubernetes: a node that gets Ready, pods that run, procedures on them, and nothing left however it ends.

`make drill-cluster` builds what it is made of (half an hour, once); it needs root.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from drills.cluster.cluster import Cluster
from drills.cluster.images import PAUSE_IMAGE, pause, sealed_secrets, torghut
from drills.cluster.places import Places
from drills.cluster.programs import KUBERNETES
from drills.cluster.system import System
from tools.deploy.documents import Object, write

from torghut.platform.artifacts import cache_directory
from torghut.platform.git import Repository
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


@contextmanager
def made(directory: Path) -> Iterator[Cluster]:
    """A cluster that nobody started yet, and nothing left of it after the block."""
    cache = cache_directory()
    if os.geteuid() != 0 or not program_path(cache, KUBERNETES).is_file() or not pause(cache).archive.is_file():
        pytest.skip("no cluster in the cache: `make drill-cluster` builds it, as root")
    cluster = Cluster(Places(directory / "cluster"), cache)
    if cluster.host.traces():
        pytest.skip(f"a cluster runs on this machine: {cluster.host.traces()[0]}")
    try:
        yield cluster
    finally:
        cluster.down()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with made(tmp_path) as fresh:
        yield fresh


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


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The overlay `drill` in a cluster of its own."""
    cache = cache_directory()
    if not torghut(cache).archive.is_file() or not sealed_secrets(cache).archive.is_file():
        pytest.skip("no image of these sources in the cache: `make drill-cluster` makes it")
    with made(tmp_path_factory.mktemp("system")) as cluster:
        cluster.up(quiet)
        running = System(cluster)
        running.up(quiet)
        yield running


def nothing_lost(system: System) -> bool:
    """The audit, which must be ok; whether something was old enough to be counted."""
    said = system.audit()
    assert said["verdict"] == "ok"
    assert isinstance(said["channels"], dict)
    return bool(said["channels"]["trades"]["sent"] > 0)


def test_the_overlay_runs_and_every_event_is_in_kafka_once(system: System) -> None:
    wait_until(lambda: nothing_lost(system), 60, "trades that are old enough to be counted", 1.0)


def started(system: System, word: str, *more: str) -> subprocess.Popen[str]:
    """`torghut runbook` as an operator of the installation has it."""
    command = (sys.executable, "-m", "torghut", "runbook", word, *more, "--target", "kubernetes")
    environment = system.installation.environment()
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(system: System, word: str, *more: str) -> tuple[int, str]:
    """Its exit code, and what it said."""
    process = started(system, word, *more)
    said, _ = process.communicate(timeout=600)
    return process.returncode, said


def rotation(system: System) -> tuple[str, ...]:
    """To the feed's new keys."""
    key_id, secret_key = system.new_keys()
    return ("alpaca-rotation", "--secret", f"key_id={key_id}", "--secret", f"secret_key={secret_key}")


def state(system: System) -> tuple[str, ...]:
    """What a rotation changes: the sealed and the opened keys, the Deployment, the newest commit of what is sealed."""
    names = ("sealedsecret/torghut-alpaca", "secret/torghut-alpaca", "deployment/forwarder")
    template = "jsonpath={.metadata.generation} {.spec} {.data}"
    found = (system.cluster.kubectl("get", name, "-n", "torghut", "-o", template) for name in names)
    return (*found, Repository(system.installation.clone).log("deploy/overlays/drill/secrets")[0].sha)


def test_new_keys_are_sealed_opened_and_taken_up_and_the_same_request_again_changes_nothing(system: System) -> None:
    before, given = state(system), rotation(system)
    code, said = ended(system, "plan", *given)
    assert (code, state(system)) == (0, before), said
    code, said = ended(system, "run", *given, "--id", "rotation-1")
    assert code == 0, said
    after = state(system)
    assert all(new != old for new, old in zip(after, before, strict=True))
    code, said = ended(system, "run", *given, "--id", "rotation-1")
    assert (code, state(system)) == (0, after), said
    assert ended(system, "history", "--verify")[0] == 0
    wait_until(lambda: nothing_lost(system), 60, "trades that are old enough to be counted", 1.0)


def test_keys_that_the_feed_refuses_change_nothing(system: System, tmp_path: Path) -> None:
    before = state(system)
    (tmp_path / "key").write_text("none-of-the-account's")
    wrong = [f"--secret={name}={tmp_path / 'key'}" for name in ("key_id", "secret_key")]
    code, said = ended(system, "run", "alpaca-rotation", *wrong)
    assert code == 2, said
    assert "were not accepted" in said
    assert state(system) == before


def test_a_killed_run_is_taken_back_to_the_old_keys(system: System) -> None:
    before = state(system)
    with started(system, "run", *rotation(system), "--id", "rotation-2") as run:
        assert run.stdout is not None
        for line in run.stdout:
            if "verified" in line and "seal" in line:
                break
        run.kill()
    assert state(system)[1] != before[1]
    said = ended(system, "resume", "rotation-2", "--roll-back")[1]
    assert state(system)[1] == before[1], said
    wait_until(lambda: nothing_lost(system), 60, "trades that are old enough to be counted", 1.0)


def users(system: System) -> set[str]:
    """The KafkaUsers of the forwarder that there are."""
    names = system.cluster.kubectl("get", "kafkausers", "-n", "kafka", "-o", "jsonpath={.items[*].metadata.name}")
    return {name for name in names.split() if name.startswith("torghut-forwarder")}


def forwarder_user(system: System) -> str:
    """Who the forwarder is to Kafka."""
    template = 'jsonpath={.spec.template.spec.containers[0].env[?(@.name=="KAFKA_USERNAME")].value}'
    return system.cluster.kubectl("get", "deployment", "forwarder", "-n", "torghut", "-o", template)


def test_the_forwarder_moves_to_another_kafka_user_and_the_first_is_deleted(system: System) -> None:
    code, said = ended(system, "run", "kafka-rotation", "--yes", "--id", "kafka-1")
    assert code == 0, said
    assert (users(system), forwarder_user(system)) == ({"torghut-forwarder-2"}, "torghut-forwarder-2")
    wait_until(lambda: nothing_lost(system), 60, "trades that are old enough to be counted", 1.0)


def test_the_password_of_the_kafka_user_is_changed_in_place(system: System) -> None:
    user = forwarder_user(system)
    before = system.cluster.kubectl("get", "secret", user, "-n", "torghut", "-o", "jsonpath={.data.password}")
    code, said = ended(system, "run", "kafka-rotation", "--set", "way=in-place", "--yes", "--id", "kafka-2")
    assert code == 0, said
    after = system.cluster.kubectl("get", "secret", user, "-n", "torghut", "-o", "jsonpath={.data.password}")
    assert (forwarder_user(system), after != before) == (user, True)
    wait_until(lambda: nothing_lost(system), 60, "trades that are old enough to be counted", 1.0)


def is_ready(system: System) -> bool:
    """Whether the forwarder is."""
    template = "jsonpath={.status.readyReplicas}"
    return system.cluster.kubectl("get", "deployment", "forwarder", "-n", "torghut", "-o", template) == "1"


def test_rights_that_were_taken_away_by_hand_are_named_and_restored_from_git(system: System) -> None:
    nothing = '{"spec": {"authorization": {"acls": []}}}'
    user = forwarder_user(system)
    system.cluster.kubectl("patch", "kafkauser", user, "-n", "kafka", "--type=merge", "-p", nothing)
    wait_until(lambda: not is_ready(system), 60, "the forwarder to say so", 0.5)
    code, said = ended(system, "run", "kafka-produce-failure", "--yes", "--id", "kafka-3")
    assert code == 0, said
    assert is_ready(system)
    wait_until(lambda: nothing_lost(system), 60, "trades that are old enough to be counted", 1.0)
