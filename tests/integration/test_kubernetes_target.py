"""Procedures on Kubernetes, asked of a real API server by the rights that `deploy/` gives them.

There are no nodes behind it: what a Deployment becomes is played (`played_nodes`). Keys are tried at a real simulator,
through the API server. `make test-deploy` builds the server and runs this.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integration.apiservers import SPACE, prepared_server
from tests.integration.played_nodes import PlayedNode, forwarder_pod, machine_address, playing, start_pod
from tests.unit.deploy.built import of_kind
from tools.deploy.apiserver import ApiServer, ApiServerError, kubeconfig
from tools.deploy.generate import kafka_user
from tools.deploy.overlays import DEPLOY
from tools.deploy.programs import KUSTOMIZE

from torghut.forwarder.health import JSON, Endpoint, HealthServer
from torghut.ops.approval import Always
from torghut.ops.procedure import Request
from torghut.ops.state import Phase
from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import KubernetesError
from torghut.platform.git import Repository
from torghut.platform.golang import program_path
from torghut.platform.kubernetes.access import log_in
from torghut.platform.kubernetes.api import DEPLOYMENT, POD, SECRET, Api, Ref
from torghut.platform.kubernetes.objects import Deployment, Pod, Secret
from torghut.platform.kubernetes.strimzi import KafkaUser
from torghut.platform.waiting import wait_until
from torghut.runbooks.ports import Change
from torghut.stack.home import Home
from torghut.targets.kubernetes.names import KAFKA, passwords, user_ref
from torghut.targets.kubernetes.place import Choice, Place
from torghut.targets.kubernetes.target import ports, runner_in
from torghut.wire.topics import Role

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WHY = Change("because", "run-1/step")
OVERLAY = "deploy/overlays/drill"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with prepared_server(tmp_path_factory.mktemp("api")) as running:
        running.apply(of_kind("drill", "ServiceAccount", "Role", "RoleBinding"))
        running.apply(of_kind("drill", "ConfigMap", "SealedSecret", "Deployment", "KafkaUser"))
        yield running


@pytest.fixture(scope="module")
def admin(server: ApiServer) -> Iterator[Api]:
    api = Api(log_in(kubeconfig=server.kubeconfig).client())
    yield api
    api.close()


@pytest.fixture(scope="module")
def as_procedures(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of whoever runs procedures."""
    token = server.kubectl("create", "token", "procedures", "--namespace", SPACE).strip()
    file = tmp_path_factory.mktemp("who") / "kubeconfig"
    file.write_bytes(kubeconfig(server.url, server.certificates.ca, "procedures", token))
    return file


@pytest.fixture
def place(as_procedures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A clone of the manifests, and the programs that an operator has."""
    shutil.copytree(DEPLOY, tmp_path / "clone" / "deploy")
    Repository.make(tmp_path / "clone").commit(("deploy",), "as it is")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "kustomize").symlink_to(program_path(cache_directory(), KUSTOMIZE))
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("KUBECONFIG", str(as_procedures))
    home = Home(tmp_path / "home")
    home.prepare()
    found = Place.find(home, Choice(repository=tmp_path / "clone", overlay="drill"))
    yield found
    found.api.close()


@contextmanager
def answering(reason: list[str]) -> Iterator[int]:
    """A forwarder's `/readyz` on this machine's address: the port, and what it says of itself."""

    def ready() -> tuple[Any, str, bytes]:
        said = {
            "component": "forwarder",
            "instance": "forwarder-1",
            "status": "healthy" if reason[0] == "ok" else "error",
            "reason": reason[0],
            "detail": "",
            "attempt": 0,
            "lag_ms": 1.0,
            "role": "active",
            "ts": time.time_ns(),
        }
        return (200 if reason[0] == "ok" else 503), JSON, json.dumps(said).encode()

    health = HealthServer([Endpoint("HEALTH_PORT", 0, {"/readyz": ready})], machine_address())
    try:
        yield health.ports[0]
    finally:
        health.close()


@pytest.fixture
def said() -> list[str]:
    return ["ok"]


@pytest.fixture
def node(server: ApiServer, admin: Api, said: list[str]) -> Iterator[PlayedNode]:
    with answering(said) as port:
        played = PlayedNode(server, admin, "forwarder", port)
        played.step()
        yield played
        for pod in admin.list(POD, SPACE, Pod):
            played.remove(pod.metadata.name)


def test_a_pod_of_the_deployment_is_an_instance_and_says_how_it_is(
    place: Place, node: PlayedNode, said: list[str]
) -> None:
    said[0] = "alpaca_connection_limit"
    node.step()
    (instance,) = ports(place).workloads.instances("forwarder")
    assert instance.name.startswith("pod/torghut/forwarder-")
    assert (instance.ready, instance.reason) == (True, "alpaca_connection_limit")
    assert abs(instance.since_ns - time.time_ns()) < 60e9


def test_a_restart_is_a_commit_and_an_annotation_of_the_deployment(place: Place, node: PlayedNode, admin: Api) -> None:
    ports(place).workloads.restart("forwarder", WHY)
    assert place.git.log()[0].message == "because\n\nToken: run-1/step"
    live = admin.read(Ref(DEPLOYMENT, SPACE, "forwarder"), Deployment)
    assert live.spec.template.metadata.annotations["torghut/restarted-for"] == "run-1/step"
    assert not any(instance.ready for instance in ports(place).workloads.instances("forwarder"))
    node.step()
    (instance,) = ports(place).workloads.instances("forwarder")
    assert (instance.ready, instance.token) == (True, "run-1/step")


def test_the_same_restart_again_changes_nothing(place: Place, node: PlayedNode, admin: Api) -> None:  # noqa: ARG001 - there has to be one
    for _ in range(2):
        ports(place).workloads.restart("forwarder", WHY)
    assert len(place.git.log(f"{OVERLAY}/desired")) == 2


def test_what_somebody_changed_by_hand_is_drift_and_is_named(place: Place, server: ApiServer) -> None:
    ports(place).desired.apply({"workload.forwarder.count": "1", "workload.forwarder.token": "none"}, WHY)
    assert ports(place).desired.drift() == ()
    server.kubectl("scale", "deployment", "forwarder", "-n", SPACE, "--replicas=2")
    try:
        assert ports(place).desired.drift() == (
            "workload.forwarder.count: Git says 1, deployment/torghut/forwarder has 2",
        )
    finally:
        ports(place).desired.apply({"workload.forwarder.count": "1"}, WHY)
    assert ports(place).desired.drift() == ()


def test_a_forwarder_that_nobody_declared_is_found_and_ended(place: Place, node: PlayedNode) -> None:
    assert ports(place).workloads.strays("forwarder") == ()
    node.start("by-hand", None)
    assert ports(place).workloads.strays("forwarder") == ("pod/torghut/by-hand",)
    ports(place).workloads.end_strays("forwarder", WHY)
    assert ports(place).workloads.strays("forwarder") == ()


def test_alpaca_406_keeps_one_forwarder_and_ends_the_others(place: Place, node: PlayedNode, server: ApiServer) -> None:
    ports(place).desired.apply({"workload.forwarder.count": "3"}, WHY)
    node.start("by-hand", None)
    made = runner_in(place, Always())
    with playing(node):
        ended = made.run("alpaca-406", Request({"release_s": "60"}, {}), "too-many")
    assert (ended.phase, ended.what) == (Phase.DONE, ended.what)
    assert server.kubectl("get", "pods", "-n", SPACE, "-o", "name").count("pod/") == 1
    assert ports(place).desired.committed()["workload.forwarder.count"] == "1"
    assert made.records.journal.verify(made.records.anchor).lines > 0


@pytest.fixture
def feed(server: ApiServer, admin: Api, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A real simulator behind the Service of the drill overlay, and its account's keys."""
    pod = forwarder_pod("sim", 1)
    start_pod(server, admin, {**pod, "metadata": {"name": "sim", "namespace": SPACE}})
    command = [sys.executable, "-m", "torghut", "sim", f"--host={machine_address()}", "--json", "--accounts=1"]
    log = (tmp_path / "sim.json").open("w")
    sim = subprocess.Popen(
        [*command, f"--accounts-dir={tmp_path / 'accounts'}", f"--ledger-dir={tmp_path / 'ledger'}"], stdout=log
    )
    try:
        wait_until(lambda: (tmp_path / "sim.json").read_text().strip().endswith("}"), 60, "the simulator")
        told = json.loads((tmp_path / "sim.json").read_text())
        server.apply([_service(), _endpoints(told["stream_url"], told["data_url"])])
        accounts = tmp_path / "accounts"
        yield {
            "key_id": (accounts / "account-0.key_id").read_text().strip(),
            "secret_key": (accounts / "account-0.secret_key").read_text().strip(),
        }
    finally:
        sim.terminate()
        sim.wait(20)
        log.close()
        server.kubectl("delete", "pod", "sim", "-n", SPACE, "--grace-period=0", "--force")


def _service() -> dict[str, Any]:
    (service,) = (one for one in of_kind("drill", "Service") if one["metadata"]["name"] == "sim")
    return {**service, "spec": {"ports": service["spec"]["ports"]}}


def _endpoints(stream: str, data: str) -> dict[str, Any]:
    ports_of = {"stream": int(stream.rpartition(":")[2]), "history": int(data.rpartition(":")[2])}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "sim", "namespace": SPACE},
        "subsets": [
            {
                "addresses": [
                    {"ip": machine_address(), "targetRef": {"kind": "Pod", "name": "sim", "namespace": SPACE}}
                ],
                "ports": [{"name": name, "port": port} for name, port in ports_of.items()],
            }
        ],
    }


def test_keys_are_tried_at_a_feed_inside_of_the_cluster(place: Place, feed: dict[str, str]) -> None:
    probe = ports(place).feed
    assert probe.history(feed).accepted is True
    assert probe.login(feed).accepted is True
    wrong = {**feed, "secret_key": "quite-another-secret-key"}
    assert (probe.history(wrong).accepted, probe.login(wrong).accepted) == (False, False)


def test_the_keys_in_force_are_told_apart_by_digest(place: Place, server: ApiServer) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "torghut-alpaca", "namespace": SPACE}}
    values = {"ALPACA_KEY_ID": "PK1", "ALPACA_SECRET_KEY": "first"}
    server.apply([{**secret, "data": {name: base64.b64encode(v.encode()).decode() for name, v in values.items()}}])
    secrets = ports(place).secrets
    assert secrets.read("alpaca") == {"key_id": "PK1", "secret_key": "first"}
    assert secrets.live("alpaca") == secrets.digest_of({"secret_key": "first", "key_id": "PK1"})
    assert secrets.live("alpaca") != secrets.digest_of({"key_id": "PK1", "secret_key": "second"})


@pytest.mark.parametrize(
    ("verb", "what", "may"),
    [
        ("patch", "deployments.apps/forwarder", "yes"),
        ("patch", "deployments.apps/console", "no"),
        ("delete", "deployments.apps/forwarder", "no"),
        ("delete", "pods", "yes"),
        ("create", "pods", "no"),
        ("create", "pods/exec", "no"),
        ("get", "secrets/torghut-alpaca", "yes"),
        ("get", "secrets/torghut-ta", "yes"),
        ("get", "secrets/torghut-somebody", "no"),
        ("patch", "secrets/torghut-forwarder", "yes"),
        ("list", "secrets", "no"),
        ("patch", "secrets/torghut-alpaca", "no"),
        ("patch", "sealedsecrets.bitnami.com/torghut-alpaca", "yes"),
        ("create", "rolebindings", "no"),
        ("patch", "deployments.apps/ta-status", "yes"),
        ("patch", "flinkdeployments.flink.apache.org/torghut-ta", "yes"),
        ("delete", "flinkdeployments.flink.apache.org/torghut-ta", "no"),
        ("create", "flinkdeployments.flink.apache.org", "no"),
        ("create", "flinkstatesnapshots.flink.apache.org", "yes"),
        ("delete", "flinkstatesnapshots.flink.apache.org", "no"),
        ("create", "pods/proxy", "no"),
    ],
)
def test_who_runs_procedures_may_do_what_they_do(server: ApiServer, verb: str, what: str, may: str) -> None:
    account = f"--as=system:serviceaccount:{SPACE}:procedures"
    try:
        answer = server.kubectl("auth", "can-i", verb, what, account, "--namespace", SPACE).strip()
    except ApiServerError:  # kubectl's way of saying no
        answer = "no"
    assert answer == may


@pytest.mark.parametrize(
    ("verb", "what", "may"),
    [
        ("create", "kafkausers.kafka.strimzi.io/torghut-forwarder-2", "yes"),
        ("delete", "kafkausers.kafka.strimzi.io/torghut-forwarder", "yes"),
        ("create", "kafkausers.kafka.strimzi.io/somebody", "no"),
        ("patch", "kafkausers.kafka.strimzi.io/torghut-audit", "no"),
        ("patch", "kafkas.kafka.strimzi.io/torghut", "no"),
        ("patch", "kafkatopics.kafka.strimzi.io/torghut.trades.v1", "yes"),
        ("delete", "kafkatopics.kafka.strimzi.io/torghut.trades.v1", "no"),
        ("get", "secrets/torghut-forwarder-passwords", "yes"),
        ("patch", "secrets/torghut-forwarder", "no"),
        ("get", "secrets/torghut-cluster-ca", "no"),
        ("list", "secrets", "no"),
    ],
)
def test_who_runs_procedures_may_do_what_they_do_beside_the_brokers(
    server: ApiServer, verb: str, what: str, may: str
) -> None:
    account = f"--as=system:serviceaccount:{SPACE}:procedures"
    try:
        answer = server.kubectl("auth", "can-i", verb, what, account, "--namespace", KAFKA).strip()
    except ApiServerError:  # kubectl's way of saying no
        answer = "no"
    assert answer == may


def test_a_second_user_is_made_and_removed_by_the_rights_of_procedures(place: Place, admin: Api) -> None:
    ref = user_ref("torghut-forwarder-2")
    place.api.apply(ref, kafka_user_of(ref.name))
    assert admin.find(ref, KafkaUser) is not None
    place.api.delete(ref)
    assert admin.find(ref, KafkaUser) is None


def kafka_user_of(name: str) -> dict[str, Any]:
    """The manifest of a user, whether it is there or not."""
    return kafka_user(Role.FORWARDER, name, passwords(Role.FORWARDER))


def test_no_other_user_is_made_by_the_rights_of_procedures(place: Place) -> None:
    with pytest.raises(KubernetesError, match="kafkauser/kafka/somebody: the API server refused PATCH"):
        place.api.apply(user_ref("somebody"), kafka_user_of("somebody"))


def test_what_the_rights_do_not_allow_is_said_with_the_object(place: Place) -> None:
    with pytest.raises(KubernetesError, match="secret/torghut/torghut-somebody: the API server refused GET"):
        place.api.read(Ref(SECRET, SPACE, "torghut-somebody"), Secret)
