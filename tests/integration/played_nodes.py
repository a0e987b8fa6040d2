"""What a Deployment becomes, played: its ReplicaSet and pods as objects of a real API server, without containers.

For tests of what is asked of the API server. Each pod has the address of this machine, so that what is asked of a pod
through the API server reaches whoever the test lets answer there.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from tests.integration.apiservers import SPACE
from tools.deploy.apiserver import ApiServer
from tools.deploy.documents import Object

from torghut.platform.kubernetes.api import DEPLOYMENT, POD, REPLICA_SET, Api, Ref
from torghut.platform.kubernetes.objects import Deployment, Pod

_LABELS: Final = {"app.kubernetes.io/name": "forwarder"}


def machine_address() -> str:
    """An address of this machine that is not its loopback: Kubernetes lets no pod have one of those."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        address: str = probe.getsockname()[0]
        return address


def forwarder_pod(name: str, health_port: int, owner: Object | None = None, token: str = "") -> Object:
    """A forwarder's pod: what looks at pods finds in it what it would in a real one."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": SPACE,
            "labels": _LABELS,
            "annotations": {"torghut/restarted-for": token},
            "ownerReferences": [owner] if owner else [],
        },
        "spec": {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "serviceAccountName": "forwarder",
            "containers": [
                {
                    "name": "forwarder",
                    "image": "torghut",
                    "args": ["forwarder"],
                    "ports": [{"name": "health", "containerPort": health_port}],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
            "volumes": [{"name": "alpaca", "secret": {"secretName": "torghut-alpaca"}}],
        },
    }


def start_pod(server: ApiServer, api: Api, pod: Object) -> None:
    """Make it an object, and say of it what a kubelet says of a pod that is ready."""
    server.apply([pod])
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    container = {"name": pod["spec"]["containers"][0]["name"], "image": "any", "imageID": "", "ready": True}
    status: dict[str, Any] = {
        "phase": "Running",
        "podIP": machine_address(),
        "podIPs": [{"ip": machine_address()}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{**container, "restartCount": 0, "state": {"running": {"startedAt": now}}}],
    }
    api.patch(Ref(POD, SPACE, pod["metadata"]["name"]), {"status": status}, "status")


class PlayedNode:
    """Follows one Deployment. `api` is an administrator's."""

    def __init__(self, server: ApiServer, api: Api, name: str, health_port: int) -> None:
        self._server = server
        self._api = api
        self._deployment = Ref(DEPLOYMENT, SPACE, name)
        self._health_port = health_port
        self._made = 0

    def step(self) -> None:
        """Make the pods what the Deployment says now: all of them anew when their template changed."""
        deployment = self._api.read(self._deployment, Deployment)
        token = deployment.spec.template.metadata.annotations.get("torghut/restarted-for", "")
        mine = [pod for pod in self._api.list(POD, SPACE, Pod) if pod.metadata.controller is not None]
        fresh = [pod for pod in mine if pod.metadata.annotations.get("torghut/restarted-for") == token]
        for pod in [pod for pod in mine if pod not in fresh] + fresh[deployment.spec.replicas :]:
            self.remove(pod.metadata.name)
        for _ in range(deployment.spec.replicas - len(fresh)):
            self._made += 1
            self.start(f"forwarder-{self._made}", self._replica_set(), token)
        generation = {"status": {"observedGeneration": deployment.metadata.generation}}
        self._api.patch(self._deployment, generation, "status")

    def start(self, name: str, owner: Object | None, token: str = "") -> None:
        """A pod that runs and is ready."""
        start_pod(self._server, self._api, forwarder_pod(name, self._health_port, owner, token))

    def remove(self, name: str) -> None:
        """As the kubelet does when it has ended the containers."""
        self._server.kubectl("delete", "pod", name, "-n", SPACE, "--grace-period=0", "--force", "--ignore-not-found")

    def _replica_set(self) -> Object:
        name = f"{self._deployment.name}-1"
        uid = self._server.kubectl(
            "get", "deployment", self._deployment.name, "-n", SPACE, "-o", "jsonpath={.metadata.uid}"
        )
        above = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": self._deployment.name,
            "uid": uid,
            "controller": True,
        }
        self._server.apply(
            [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "metadata": {"name": name, "namespace": SPACE, "ownerReferences": [above]},
                    "spec": {
                        "selector": {"matchLabels": _LABELS},
                        "template": {
                            "metadata": {"labels": _LABELS},
                            "spec": forwarder_pod("any", self._health_port)["spec"],
                        },
                    },
                }
            ]
        )
        own = self._server.kubectl("get", REPLICA_SET.plural, name, "-n", SPACE, "-o", "jsonpath={.metadata.uid}")
        return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": own, "controller": True}


@contextmanager
def playing(node: PlayedNode) -> Iterator[None]:
    """Follow the Deployment while the block runs."""
    over = threading.Event()

    def follow() -> None:
        while not over.wait(0.3):
            node.step()

    thread = threading.Thread(target=follow, name="played node")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
