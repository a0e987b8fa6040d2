"""A Lease object: read it, and change it if nobody else did since."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from torghut.platform.errors import KubernetesError


class LeaseConflictError(KubernetesError):
    """Somebody changed the object since it was read."""


class Term(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The part of a Lease's spec that says who holds it for how long. Without a holder it is free."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: str | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str


class _Lease(msgspec.Struct):
    metadata: _Metadata
    spec: Term = Term()


class Reading(msgspec.Struct, frozen=True):
    """A Lease as it was read: its version changes with every change of it."""

    version: str
    term: Term


_MERGE: Final = {"Content-Type": "application/merge-patch+json"}


class LeaseObject:
    """One Lease of the cluster. It must exist: who may change one may not make any."""

    def __init__(self, client: httpx.Client, namespace: str, name: str) -> None:
        self._client = client
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"
        self._object = f"lease/{namespace}/{name}"

    def read(self) -> Reading:
        """The object now.

        Raises:
            KubernetesError: no answer, no such object, or no right to read it.
        """
        return self._request("GET")

    def change(self, version: str, term: Term) -> Reading:
        """Set holder, duration and time, if the object still has this version. The rest of it stays as it is.

        Raises:
            LeaseConflictError: it has not.
            KubernetesError: no answer (the change may have happened), no such object, or no right to change it.
        """
        spec = {
            "holderIdentity": term.holder_identity,
            "leaseDurationSeconds": term.lease_duration_seconds,
            "renewTime": term.renew_time,
        }
        return self._request("PATCH", {"metadata": {"resourceVersion": version}, "spec": spec})

    def _request(self, method: str, body: object = None) -> Reading:
        content = None if body is None else msgspec.json.encode(body)
        try:
            response = self._client.request(method, self._path, content=content, headers=_MERGE if content else None)
        except (httpx.HTTPError, OSError) as error:
            raise KubernetesError(f"{self._object}: the API server does not answer ({error!r})") from error
        if response.status_code == HTTPStatus.CONFLICT:
            raise LeaseConflictError(f"{self._object} was changed by another")
        if response.is_error:
            said = " ".join(response.text.split())[:200]
            raise KubernetesError(f"{self._object}: the API server refused {method} ({response.status_code} {said})")
        found = msgspec.json.decode(response.content, type=_Lease)
        return Reading(found.metadata.resource_version, found.spec)


def micro_time(now_ns: int) -> str:
    """Kubernetes' MicroTime. For people to read: nobody decides by another machine's clock."""
    return datetime.fromtimestamp(now_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
