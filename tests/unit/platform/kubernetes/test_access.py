from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import httpx
import pytest
import yaml

from torghut.platform.errors import KubernetesError
from torghut.platform.kafka.certificates import ensure_certificates
from torghut.platform.kubernetes.access import log_in


def write(file: Path, directory: Path, *, by_certificate: bool = False) -> Path:
    files = ensure_certificates(directory)
    user = {"token": "the-first"}
    if by_certificate:
        user = {
            "client-key-data": base64.b64encode(files.broker_key.read_bytes()).decode(),
            "client-certificate-data": base64.b64encode(files.broker.read_bytes()).decode(),
        }
    contexts = [
        {"name": name, "context": {"cluster": "one", "user": "me", "namespace": f"of-{name}"}} for name in ("a", "b")
    ]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "one", "cluster": {"server": "https://api:6443", "certificate-authority": str(files.ca)}}
        ],
        "users": [{"name": "me", "user": user}],
        "contexts": contexts,
        "current-context": "a",
    }
    file.write_text(yaml.safe_dump(document))
    return file


def test_a_kubeconfig_says_where_the_cluster_is_and_its_current_context(tmp_path: Path) -> None:
    access = log_in(kubeconfig=write(tmp_path / "config", tmp_path / "tls"))
    assert (access.url, access.context) == ("https://api:6443", "a")


def test_a_context_can_be_chosen(tmp_path: Path) -> None:
    assert log_in("b", kubeconfig=write(tmp_path / "config", tmp_path / "tls")).context == "b"


def test_a_context_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubernetesError, match="no-such"):
        log_in("no-such", kubeconfig=write(tmp_path / "config", tmp_path / "tls"))


def test_a_refused_token_is_read_anew_and_tried_once_more(tmp_path: Path) -> None:
    file = write(tmp_path / "config", tmp_path / "tls")
    access = log_in(kubeconfig=file)
    file.write_text(file.read_text().replace("the-first", "the-second"))
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(401 if len(seen) == 1 else 200)

    with httpx.Client(auth=access.auth, transport=httpx.MockTransport(answer)) as client:
        assert client.get("https://api/").status_code == 200
    assert seen == ["Bearer the-first", "Bearer the-second"]


def test_a_key_in_the_kubeconfig_is_left_in_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    log_in(kubeconfig=write(tmp_path / "config", tmp_path / "tls", by_certificate=True))
    assert list(temporary.iterdir()) == []
