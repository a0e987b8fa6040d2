"""The API server from inside a pod: where it is, whom to trust, and who we are."""

from __future__ import annotations

import os
import ssl
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from torghut.platform.errors import KubernetesError

MOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class _Token(httpx.Auth):
    """The token is read for every request: the kubelet renews it about every hour."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._file.read_text().strip()}"
        yield request


@dataclass(frozen=True)
class InCluster:
    """Where the API server is, and the pod's service account."""

    url: str
    namespace: str
    mount: Path

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ, mount: Path = MOUNT) -> InCluster:
        """What Kubernetes tells every pod.

        Raises:
            KubernetesError: this is no pod, or one without a service account's token.
        """
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise KubernetesError("wanted to run in a pod, but KUBERNETES_SERVICE_HOST is not set: unset LEASE_NAME")
        try:
            namespace = (mount / "namespace").read_text().strip()
        except OSError as error:
            raise KubernetesError(
                f"wanted a service account's token in {mount}, but {error.strerror}: set automountServiceAccountToken"
            ) from error
        address = f"[{host}]" if ":" in host else host
        return cls(f"https://{address}:{port}", namespace, mount)

    def client(self, timeout_s: float) -> httpx.Client:
        """A client of the API server. Requests end after `timeout_s` seconds."""
        trust = ssl.create_default_context(cafile=str(self.mount / "ca.crt"))
        return httpx.Client(base_url=self.url, auth=_Token(self.mount / "token"), verify=trust, timeout=timeout_s)
