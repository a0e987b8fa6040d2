"""The overlay `drill` as running pods: applied in an order in which each thing finds what it needs, and audited.

The Flink job and its status writer are left out: their operator is not there yet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tools.deploy.crds import ensure_crds, load_crds
from tools.deploy.documents import Object, parse, write
from tools.deploy.overlays import objects

from drills.cluster.cluster import Cluster
from drills.cluster.credentials import DNS
from drills.cluster.errors import ClusterError
from drills.cluster.images import sealed_secrets, torghut
from drills.cluster.installation import OVERLAY, SPACE, Installation
from drills.cluster.kafka import PORTS, certificates
from drills.cluster.places import NODE_ADDRESS
from torghut.platform.artifacts import Report
from torghut.platform.files import PRIVATE, make_private_directory, write_atomically
from torghut.platform.waiting import wait_until

_SEALED_SECRETS: Final = Path(__file__).with_name("sealed_secrets.yaml")
_CONTROLLER: Final = ("deployment/sealed-secrets-controller", "-n", "kube-system")
_KAFKA: Final = "kafka.strimzi.io/"
_LEFT_OUT: Final = ("FlinkDeployment",)
_LEFT_OUT_DEPLOYMENTS: Final = ("ta-status",)
_SECRETS: Final = ("torghut-forwarder", "torghut-audit", "torghut-cluster-ca-cert")
_DEADLINE_S: Final = 240.0
_ROLLOUT_S: Final = 180
_AUDIT_DEADLINE_S: Final = 1200.0
_GRACE_S: Final = 3600.0
_CONTROL: Final = "http://127.0.0.1:8767"
_PYTHON: Final = "/opt/torghut/bin/python"
_NEW_KEYS: Final = """
from pathlib import Path
from torghut.sim.accounts import key_files
from torghut.sim.control import SimControl
SimControl("{control}").rotate(grace_s={grace_s})
print(*(file.read_text().strip() for file in key_files(Path("/accounts"), 0)))
"""


@dataclass(frozen=True)
class System:
    """The system in a cluster."""

    cluster: Cluster

    def up(self, report: Report) -> None:
        """Apply it and wait until the forwarder is ready. Once more, it only changes what differs.

        Raises:
            ClusterError: something was refused.
            TimeoutError: something does not become ready.
        """
        for image in (sealed_secrets(self.cluster.cache), torghut(self.cluster.cache)):
            self.cluster.provide(image, report)
        report("definitions, namespaces, the controller of sealed secrets")
        self._apply(load_crds(ensure_crds(self.cluster.cache, report)))
        self.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        self._apply(parse(_SEALED_SECRETS.read_bytes()) + _names_reader())
        self._await_rollout(*_CONTROLLER)
        report("keys, sealed for this cluster")
        installation = self.installation
        installation.refresh()
        installation.seal()
        installation.equip()
        wanted = objects(OVERLAY, installation.deploy)
        self._apply([one for one in wanted if one["kind"] == "Namespace"])
        self._apply([one for one in wanted if one["kind"] == "SealedSecret"])
        report("Kafka: topics, users, Secrets")
        self._apply([one for one in wanted if one["apiVersion"].startswith(_KAFKA)])
        for name in _SECRETS:
            wait_until(partial(self._exists, "secret", name), _DEADLINE_S, f"secret/{SPACE}/{name}", 1.0)
        report("what runs")
        self._apply([one for one in wanted if _runs(one)])
        for name in ("sim", "forwarder"):
            self._await_rollout(f"deployment/{name}", "-n", SPACE)

    @property
    def installation(self) -> Installation:
        """What its operator has."""
        return Installation(self.cluster.places, self.cluster.cache)

    def new_keys(self, grace_s: float = _GRACE_S) -> tuple[Path, Path]:
        """New keys of the account, as Alpaca's page makes them: files with the key id and the secret key (0600).

        The old ones stay valid for `grace_s` seconds.

        Raises:
            ClusterError: there is no simulator.
        """
        order = _NEW_KEYS.format(control=_CONTROL, grace_s=grace_s)
        said = self.cluster.kubectl("exec", "-n", SPACE, "deployment/sim", "-c", "sim", "--", _PYTHON, "-c", order)
        key_id, secret_key = (self.cluster.places.home / "keys" / name for name in ("key_id", "secret_key"))
        make_private_directory(key_id.parent)
        for target, key in zip((key_id, secret_key), said.split(), strict=True):
            write_atomically(target, key.encode(), PRIVATE)
        return key_id, secret_key

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
        command = (sys.executable, "-m", "torghut", "audit", "--ledger", str(self._ledger()), "--json")
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False, timeout=_AUDIT_DEADLINE_S
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"the audit did not end within {_AUDIT_DEADLINE_S:g} s") from error
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

    def _await_rollout(self, *deployment: str) -> None:
        self.cluster.kubectl("rollout", "status", *deployment, f"--timeout={_ROLLOUT_S}s")

    def _apply(self, wanted: list[Object]) -> None:
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=write(wanted))


def _runs(one: Object) -> bool:
    left_out = one["kind"] in _LEFT_OUT or one["metadata"]["name"] in _LEFT_OUT_DEPLOYMENTS
    return not left_out and one["kind"] != "Namespace" and not one["apiVersion"].startswith(_KAFKA)


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
