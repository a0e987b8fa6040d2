"""A real API server with the namespaces, rights and Lease of `deploy/`, and what the kubelet would mount into a pod."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from tests.unit.deploy.built import of_kind
from tools.deploy.apiserver import ApiServer, api_server
from tools.deploy.crds import ensure_crds, load_crds
from tools.deploy.programs import ETCD, KUBERNETES

from torghut.platform.artifacts import cache_directory
from torghut.platform.golang import program_path

SPACE: Final = "torghut"
LEASE: Final = "torghut-forwarder"


@contextmanager
def prepared_server(directory: Path) -> Iterator[ApiServer]:
    """With the definitions, the namespaces, and who may do what; nothing of what runs."""
    if not all(program_path(cache_directory(), program).is_file() for program in (ETCD, KUBERNETES)):
        pytest.skip("no API server in the cache: `make test-deploy` builds it")
    with api_server(directory) as running:
        running.apply(load_crds(ensure_crds(cache_directory())))
        running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        argocd = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}
        running.apply([*of_kind("prod", "Namespace"), argocd])
        running.apply(of_kind("prod", "ServiceAccount", "Role", "RoleBinding", "Lease"))
        yield running


def mount_account(server: ApiServer, directory: Path) -> Path:
    """The forwarder's service account as a pod finds it: a real token with the rights of its Role."""
    (directory / "token").write_text(server.kubectl("create", "token", "forwarder", "--namespace", SPACE))
    (directory / "ca.crt").write_text(server.certificates.ca.read_text())
    (directory / "namespace").write_text(SPACE)
    return directory


def pod_environment(server: ApiServer) -> dict[str, str]:
    """What Kubernetes tells every pod of its API server."""
    place = urlsplit(server.url)
    return {"KUBERNETES_SERVICE_HOST": str(place.hostname), "KUBERNETES_SERVICE_PORT": str(place.port)}


def free_the_lease(server: ApiServer) -> None:
    """As if nobody had held it."""
    server.kubectl("patch", "lease", LEASE, "-n", SPACE, "--type=merge", "-p", '{"spec": {"holderIdentity": null}}')
