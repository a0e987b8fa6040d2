"""The overlay `drill` as running pods: applied in an order in which each thing finds what it needs, and audited.

Without sealed-secrets the feed's keys are made here, as the Secret that a SealedSecret would become. The Flink job and
its status writer are left out: their operator is not there yet.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tools.deploy.crds import ensure_crds, load_crds
from tools.deploy.documents import Object, write
from tools.deploy.overlays import objects

from drills.cluster.cluster import Cluster
from drills.cluster.credentials import DNS
from drills.cluster.errors import ClusterError
from drills.cluster.images import torghut
from drills.cluster.kafka import PORTS, certificates
from drills.cluster.places import NODE_ADDRESS
from torghut.platform.artifacts import Report
from torghut.platform.files import PRIVATE, write_atomically
from torghut.platform.waiting import wait_until

OVERLAY: Final = "drill"
SPACE: Final = "torghut"
_KAFKA: Final = "kafka.strimzi.io/"
_LEFT_OUT: Final = ("SealedSecret", "FlinkDeployment")
_LEFT_OUT_DEPLOYMENTS: Final = ("ta-status",)
_SECRETS: Final = ("torghut-forwarder", "torghut-audit", "torghut-cluster-ca-cert")
_DEADLINE_S: Final = 240.0
_ROLLOUT_S: Final = 180
_AUDIT_DEADLINE_S: Final = 300.0


@dataclass(frozen=True)
class System:
    """The system in a cluster."""

    cluster: Cluster

    def up(self, report: Report) -> None:
        """Apply it and wait until the forwarder is ready. Again, it only changes what differs.

        Raises:
            ClusterError: something was refused.
            TimeoutError: something does not become ready.
        """
        self.cluster.provide(torghut(self.cluster.cache), report)
        report("definitions, namespaces, keys")
        self._apply(load_crds(ensure_crds(self.cluster.cache, report)))
        self.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        wanted = objects(OVERLAY)
        self._apply([one for one in wanted if one["kind"] == "Namespace"] + _names_reader())
        if not self._exists("secret", "torghut-alpaca"):
            self._apply([_feed_keys()])
        report("Kafka: topics, users, Secrets")
        self._apply([one for one in wanted if one["apiVersion"].startswith(_KAFKA)])
        for name in _SECRETS:
            wait_until(partial(self._exists, "secret", name), _DEADLINE_S, f"secret/{SPACE}/{name}", 1.0)
        report("what runs")
        self._apply([one for one in wanted if _runs(one)])
        for name in ("sim", "forwarder"):
            self.cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", SPACE, f"--timeout={_ROLLOUT_S}s")

    def audit(self) -> dict[str, object]:
        """What `torghut audit --json` says of everything since the simulator's start.

        Raises:
            ClusterError: it could not be counted.
        """
        scratch = self.cluster.places.home / "audit"
        password = scratch / "password"
        write_atomically(password, self._secret("torghut-audit", "password"), PRIVATE)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "KAFKA_BOOTSTRAP_SERVERS": f"{NODE_ADDRESS}:{PORTS.clients}",
            "KAFKA_USERNAME": "torghut-audit",
            "KAFKA_PASSWORD_FILE": str(password),
            "KAFKA_CA_FILE": str(certificates(self.cluster.places).ca),
        }
        done = subprocess.run(
            (sys.executable, "-m", "torghut", "audit", "--ledger", str(self._ledger()), "--json"),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_AUDIT_DEADLINE_S,
        )
        if not done.stdout.strip():
            raise ClusterError(f"the audit said nothing: {done.stderr.strip()[-400:]}")
        said: dict[str, object] = json.loads(done.stdout)
        return said

    def _ledger(self) -> Path:
        """The simulator's, in its pod's own volume, which is a directory of the node's."""
        pod = ("get", "pod", "-n", SPACE, "-l", "app.kubernetes.io/name=sim", "-o", "jsonpath={.items[0].metadata.uid}")
        uid = self.cluster.kubectl(*pod)
        kubelet = self.cluster.places.data / "machine" / "lib" / "kubelet"
        return kubelet / "pods" / uid / "volumes" / "kubernetes.io~empty-dir" / "ledger"

    def _secret(self, name: str, key: str) -> bytes:
        template = f'{{{{index .data "{key}" | base64decode}}}}'
        return self.cluster.kubectl("get", "secret", name, "-n", SPACE, "-o", f"go-template={template}").encode()

    def _exists(self, kind: str, name: str) -> bool:
        return bool(self.cluster.kubectl("get", kind, name, "-n", SPACE, "--ignore-not-found", "-o", "name").strip())

    def _apply(self, wanted: list[Object]) -> None:
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=write(wanted))


def _runs(one: Object) -> bool:
    left_out = one["kind"] in _LEFT_OUT or one["metadata"]["name"] in _LEFT_OUT_DEPLOYMENTS
    return not left_out and one["kind"] != "Namespace" and not one["apiVersion"].startswith(_KAFKA)


def _feed_keys() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "torghut-alpaca", "namespace": SPACE},
        "stringData": {
            "ALPACA_KEY_ID": f"PK{secrets.token_hex(9).upper()}",
            "ALPACA_SECRET_KEY": secrets.token_urlsafe(30),
        },
    }


def _names_reader() -> list[Object]:
    """What the name server reads."""
    group = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [""], "resources": ["services", "namespaces", "endpoints", "pods"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    return [
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": DNS.user}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": DNS.user},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": DNS.user},
            "subjects": [{"kind": "User", "name": DNS.user, "apiGroup": group}],
        },
    ]
