from __future__ import annotations

from pathlib import Path

import certifi
import httpx
import pytest

from torghut.platform.errors import KubernetesError
from torghut.platform.kubernetes.in_cluster import InCluster

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    (tmp_path / "namespace").write_text("torghut")
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text(Path(certifi.where()).read_text())
    return tmp_path


def test_a_pod_knows_where_the_api_server_is_and_its_own_namespace(mount: Path) -> None:
    found = InCluster.find(POD, mount)
    assert (found.url, found.namespace) == ("https://10.96.0.1:443", "torghut")


def test_an_ipv6_address_stands_in_brackets(mount: Path) -> None:
    assert InCluster.find({**POD, "KUBERNETES_SERVICE_HOST": "fd00::1"}, mount).url == "https://[fd00::1]:443"


def test_outside_of_a_pod_the_error_says_what_to_unset(mount: Path) -> None:
    with pytest.raises(KubernetesError, match="unset LEASE_NAME"):
        InCluster.find({}, mount)


def test_without_a_token_the_error_names_the_field_of_the_pod(tmp_path: Path) -> None:
    with pytest.raises(KubernetesError, match="automountServiceAccountToken"):
        InCluster.find(POD, tmp_path)


def test_a_renewed_token_is_used_by_the_next_request(mount: Path) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200)

    with InCluster.find(POD, mount).client(1.0) as client:
        client._transport = httpx.MockTransport(answer)
        client.get("/version")
        (mount / "token").write_text("second\n")
        client.get("/version")
    assert seen == ["Bearer first", "Bearer second"]
