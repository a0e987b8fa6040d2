"""Logging in to a cluster: as a kubeconfig's context says, or as the pod that we are.

kr8s reads the kubeconfig and runs its credential programs; requests are made by our own client (`api`).
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Final

import httpx
from kr8s._auth import KubeAuth

from torghut.platform.errors import KubernetesError

_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True)
class Access:
    """A cluster as somebody: where it is, whom to trust, and the namespace that the context names."""

    url: str
    namespace: str
    context: str
    trust: ssl.SSLContext
    auth: httpx.Auth

    def client(self, timeout_s: float = _TIMEOUT_S) -> httpx.Client:
        """A client of the API server. Requests end after `timeout_s` seconds."""
        return httpx.Client(base_url=self.url, auth=self.auth, verify=self.trust, timeout=timeout_s)


def log_in(context: str | None = None, namespace: str | None = None, kubeconfig: Path | None = None) -> Access:
    """Find the cluster and who we are there: `$KUBECONFIG`, `~/.kube/config`, or a pod's service account.

    Raises:
        KubernetesError: there is no such context, no credentials, or the API server does not answer.
    """
    credentials = _Credentials(context, namespace, kubeconfig)
    auth, trust = credentials.load()
    return Access(
        url=auth.server,
        namespace=auth.namespace,
        context=auth.active_context or "in-cluster",
        trust=trust if isinstance(trust, ssl.SSLContext) else ssl.create_default_context(),
        auth=_Bearer(credentials, auth.token),
    )


class _Credentials:
    """What a kubeconfig or a pod's mount says now."""

    def __init__(self, context: str | None, namespace: str | None, kubeconfig: Path | None) -> None:
        self._context = context
        self._namespace = namespace
        self._kubeconfig = str(kubeconfig) if kubeconfig else None

    def load(self) -> tuple[Any, ssl.SSLContext | bool]:
        """kr8s' view of them, and whom to trust."""

        async def ask() -> tuple[Any, ssl.SSLContext | bool]:
            # Its `api()` would open a connection of its own, and leave it open.
            auth: Any = KubeAuth(kubeconfig=self._kubeconfig, context=self._context, namespace=self._namespace)
            await auth.reauthenticate()
            return auth, await auth.ssl_context()

        try:
            auth, trust = asyncio.run(ask())
        except (ValueError, KeyError, OSError, CalledProcessError) as error:
            raise KubernetesError(f"no way into the cluster ({error}): see KUBECONFIG and --context") from error
        _remove_copies(auth)
        return auth, trust


class _Bearer(httpx.Auth):
    """A token, asked for anew once it is refused: those of cloud providers and of pods are short-lived."""

    def __init__(self, credentials: _Credentials, token: str | None) -> None:
        self._credentials = credentials
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._token:
            yield request
            return
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            auth, _ = self._credentials.load()
            self._token = auth.token
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request


def _remove_copies(auth: Any) -> None:  # noqa: ANN401 - kr8s does not export the type
    """kr8s writes keys that stand in a kubeconfig to temporary files, and leaves them there."""
    for file in (auth.client_key_file, auth.client_cert_file):
        if file is not None and Path(str(file)).parent == Path(tempfile.gettempdir()):
            Path(str(file)).unlink(missing_ok=True)
