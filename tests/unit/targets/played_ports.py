"""The ports of procedures over the played cluster, with an installation in it and the clone that says so."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml
from tests.unit.targets.played_cluster import FIRST, FIRST_OF_JOB, PlayedCluster, coded
from tests.unit.targets.played_job import KEYS, PlayedFlow, PlayedJob, store_of
from tools.deploy.overlays import DEPLOY, objects

from torghut.platform.git import Repository
from torghut.platform.kubernetes import api as kinds
from torghut.platform.kubernetes.api import Ref
from torghut.platform.kubernetes.sealing import Sealer
from torghut.runbooks.kafka_ports import Found, Login
from torghut.runbooks.ports import Ports
from torghut.stack.home import Home
from torghut.targets.kubernetes.brokers import Brokers
from torghut.targets.kubernetes.kafka_probe import KubernetesKafkaProbe
from torghut.targets.kubernetes.kafka_secrets import KafkaSecrets
from torghut.targets.kubernetes.kafka_users import KubernetesKafkaUsers
from torghut.targets.kubernetes.names import opened_ref, sealed_file
from torghut.targets.kubernetes.place import Place
from torghut.targets.kubernetes.store import ObjectStore
from torghut.targets.kubernetes.target import ports_over
from torghut.wire.topics import Role


@dataclass(frozen=True)
class Wrapper(Sealer):
    """Wraps instead of sealing."""

    def seal(self, secret: Ref, values: Mapping[str, str]) -> bytes:
        meta = {"name": secret.name, "namespace": secret.namespace}
        spec = {"encryptedData": coded(values), "template": {"metadata": meta}}
        one = {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": meta, "spec": spec}
        return yaml.safe_dump(one).encode()


@dataclass(frozen=True)
class Table(Brokers):
    """The played cluster's table in the brokers' place."""

    cluster: PlayedCluster = field(default_factory=PlayedCluster)

    def reader(self) -> dict[str, Any]:
        return {"as": "the audit's user"}

    def login(self, values: Mapping[str, str]) -> Login:
        accepted = self.cluster.users.get(values["username"]) == values["password"]
        return Login(accepted, f"{values['username']} {'logged in' if accepted else 'was refused'}")


@dataclass(frozen=True)
class Reached(KubernetesKafkaProbe):
    """Brokers that are there, with every topic: what a client alone can try is well."""

    cluster: PlayedCluster = field(default_factory=PlayedCluster)
    job: PlayedJob | None = None

    def way(self) -> tuple[Found, ...]:
        return ()

    def certificate(self) -> tuple[Found, ...]:
        return ()

    def topics(self) -> tuple[Found, ...]:
        return ()

    def written(self, role: str, since_ns: int) -> int:
        assert since_ns > 0
        if role == "ta":
            return 7 if self.job is not None and self.job.works else 0
        return 7 if role == "forwarder" and self.cluster.reason() == "ok" else 0


def installation(directory: Path) -> tuple[Place, PlayedCluster]:
    """The overlay `drill` in a cluster, all well, and the clone that says so."""
    shutil.copytree(DEPLOY, directory / "clone" / "deploy")
    overlay = directory / "clone" / "deploy" / "overlays" / "drill"
    cluster = PlayedCluster()
    api = cluster.api()
    for role, first in ((Role.FORWARDER, FIRST), (Role.TA, FIRST_OF_JOB)):
        (overlay / sealed_file(role)).write_bytes(Wrapper(api).seal(opened_ref(role), given(first)))
    Repository.make(directory / "clone").commit(("deploy",), "as it is")
    wanted = {"SealedSecret", "KafkaUser", "Deployment", "ConfigMap"}
    for one in objects("drill", directory / "clone" / "deploy"):
        if one["kind"] in wanted and one["metadata"]["name"] not in {"sim", "console", "ta-status"}:
            cluster.put(one)
    above = {"kind": "Deployment", "name": "forwarder", "controller": True}
    named = {"name": "forwarder-1", "namespace": "torghut", "ownerReferences": [above]}
    cluster.put({"kind": "ReplicaSet", "metadata": named})
    for _ in range(2):
        cluster.act()
    cluster.restarts = 0
    home = Home(directory / "home")
    home.prepare()
    access = cast("Any", SimpleNamespace(context="played"))
    return Place(home, access, api, "torghut", directory / "clone", "drill"), cluster


def given(values: Mapping[str, str]) -> dict[str, str]:
    return {values["username"]: values["password"]}


def ports_of(place: Place, cluster: PlayedCluster, job: PlayedJob | None = None) -> Ports:
    """What procedures see of it."""
    brokers = Table(place, {}, cluster)
    store = store_of(place, job) if job else ObjectStore(place, {})
    made = ports_over(place, brokers, Wrapper(place.api), store)
    users = cast("KubernetesKafkaUsers", made.kafka_users)
    probe = Reached(place, brokers, KafkaSecrets(place, users.state, users), users, cluster, job)
    played = replace(made, kafka=probe)
    return replace(played, job=PlayedFlow(place, brokers, store, job)) if job else played


Installed = tuple[Place, PlayedCluster, PlayedJob]


def with_job(directory: Path) -> Installed:
    """The same with the job, which works."""
    place, cluster = installation(directory)
    job = PlayedJob(cluster)
    path = "deploy/overlays/drill/secrets/minio.yaml"
    place.commit({path: Wrapper(place.api).seal(Ref(kinds.SECRET, "torghut", "torghut-minio"), KEYS)}, "keys")
    for one in objects("drill", place.repository / "deploy"):
        if (one["kind"], one["metadata"]["name"]) in _OF_JOB:
            cluster.put(one)
    cluster.act()
    return place, cluster, job


_OF_JOB = {("FlinkDeployment", "torghut-ta"), ("SealedSecret", "torghut-minio"), ("Deployment", "ta-status")}
