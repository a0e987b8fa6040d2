"""The manifests before a real API server: it takes them, and what should be refused is refused.

`make test-deploy` builds the server from its Go modules (a quarter of an hour, once) and runs this.
"""

from __future__ import annotations

import copy
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from tests.integration.apiservers import LEASE, SPACE, free_the_lease, mount_account, pod_environment
from tests.unit.deploy.built import Pods, of_kind, overlay, pods
from tools.deploy.apiserver import ApiServer, ApiServerError
from tools.deploy.documents import Object
from tools.deploy.overlays import ARGOCD, OVERLAYS, objects

from torghut.forwarder.kubernetes_lease import KubernetesLease
from torghut.forwarder.lease import LeaseLost
from torghut.platform.errors import KubernetesError
from torghut.platform.kubernetes.coordination import LeaseObject
from torghut.platform.kubernetes.in_cluster import InCluster
from torghut.platform.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TTL_S: Final = 2.0
Leases = Callable[[str], KubernetesLease]


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_api_server_takes_every_object_of_an_overlay(server: ApiServer, name: str) -> None:
    said = server.apply(list(overlay(name)), only_show=True)
    assert said.count("serverside-applied (server dry run)") == len(overlay(name))


def test_the_api_server_takes_what_argo_cd_is_told(server: ApiServer) -> None:
    assert "application.argoproj.io/torghut serverside-applied" in server.apply(objects(ARGOCD), only_show=True)


@pytest.mark.parametrize("kind", ["Deployment", "FlinkDeployment", "KafkaTopic", "NetworkPolicy"])
def test_the_api_server_refuses_a_field_that_it_does_not_know(server: ApiServer, kind: str) -> None:
    one = copy.deepcopy(of_kind("prod", kind)[0])
    one["spec"]["unheardOf"] = 1
    with pytest.raises(ApiServerError, match="unheardOf"):
        server.apply([one], only_show=True)


def as_pod(one: Pods) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": one.owner, "namespace": one.namespace, "labels": one.labels},
        "spec": {"serviceAccountName": "forwarder", **one.spec},
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_pod_security_admits_every_pod(server: ApiServer, name: str) -> None:
    for one in pods(name):
        assert "(server dry run)" in server.apply([as_pod(one)], only_show=True)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("runAsNonRoot", {"securityContext": {}}),
        ("hostPath", {"volumes": [{"name": "node", "hostPath": {"path": "/"}}]}),
        ("host namespaces", {"hostNetwork": True}),
    ],
)
def test_pod_security_refuses_a_pod_that_asks_for_more(server: ApiServer, what: str, change: Object) -> None:
    pod = as_pod(next(one for one in pods("prod") if one.owner == "forwarder"))
    pod["spec"] = {**pod["spec"], **change}
    if "volumes" in change:
        pod["spec"]["containers"] = [{**pod["spec"]["containers"][0], "volumeMounts": []}]
    with pytest.raises(ApiServerError, match=f'violates PodSecurity "restricted.*{what}'):
        server.apply([pod], only_show=True)


@pytest.mark.parametrize(
    ("who", "verb", "what", "may"),
    [
        ("forwarder", "get", f"leases/{LEASE}", "yes"),
        ("forwarder", "patch", f"leases/{LEASE}", "yes"),
        ("forwarder", "delete", f"leases/{LEASE}", "no"),
        ("forwarder", "create", "leases", "no"),
        ("forwarder", "patch", "leases/another", "no"),
        ("forwarder", "get", "secrets", "no"),
        ("forwarder", "list", "pods", "no"),
        ("ta", "create", "pods", "yes"),
        ("ta", "update", "configmaps", "yes"),
        ("ta", "delete", "deployments.apps", "yes"),
        ("ta", "create", "deployments.apps", "no"),
        ("ta", "get", "secrets", "no"),
        ("ta", "create", "rolebindings", "no"),
        ("ta", "patch", f"leases/{LEASE}", "no"),
        ("default", "get", "configmaps", "no"),
    ],
)
def test_an_account_may_do_what_it_needs(server: ApiServer, who: str, verb: str, what: str, may: str) -> None:
    account = f"--as=system:serviceaccount:{SPACE}:{who}"
    try:
        said = server.kubectl("auth", "can-i", verb, what, account, "--namespace", SPACE)
    except ApiServerError:  # kubectl's way of saying no
        said = "no"
    assert said.strip() == may


@pytest.fixture
def cluster(server: ApiServer, tmp_path: Path) -> InCluster:
    free_the_lease(server)
    return InCluster.find(pod_environment(server), mount_account(server, tmp_path))


@pytest.fixture
def lease(cluster: InCluster) -> Iterator[Leases]:
    """Instances of the given names, each with a connection of its own."""
    with ExitStack() as clients:

        def instance(holder: str) -> KubernetesLease:
            client = clients.enter_context(cluster.client(5.0))
            return KubernetesLease(LeaseObject(client, cluster.namespace, LEASE), holder, TTL_S)

        yield instance


def test_one_of_two_forwarders_gets_the_lease_and_gives_it_back(lease: Leases) -> None:
    one, two = lease("one/1"), lease("two/1")
    assert one.acquire()
    assert not two.acquire()
    one.renew()
    assert not two.acquire()
    one.release()
    assert two.acquire()


def test_a_silent_holder_is_succeeded_when_its_term_is_over_and_knows_it(lease: Leases) -> None:
    one, two = lease("one/1"), lease("two/1")
    assert one.acquire()
    wait_until(two.acquire, 10 * TTL_S, "the second one to take over", 0.1)
    assert one.remaining_s() <= 0
    with pytest.raises(LeaseLost):
        one.renew()


def test_the_same_manifest_applied_again_ends_no_term(server: ApiServer, lease: Leases) -> None:
    one = lease("one/1")
    assert one.acquire()
    (manifest,) = of_kind("prod", "Lease")
    server.apply([{**manifest, "metadata": {**manifest["metadata"], "labels": {"touched": "yes"}}}])
    one.renew()
    server.apply([manifest])
    one.renew()
    assert not lease("two/1").acquire()


def test_the_forwarders_token_opens_no_other_lease(cluster: InCluster) -> None:
    with cluster.client(5.0) as client, pytest.raises(KubernetesError, match=r"lease/torghut/another.*403"):
        LeaseObject(client, SPACE, "another").read()


def test_nothing_listens_beyond_the_loopback(server: ApiServer) -> None:
    port = urlsplit(server.url).port
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [address for address in listening if address.endswith(f":{port:04X}")]
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
    assert ours
    assert all(address.startswith(loopback) for address in ours)
