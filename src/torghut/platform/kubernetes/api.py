"""The API server as typed requests: read, list, patch, apply, delete, logs, and what a pod or Service says over HTTP.

Each message names its object as `kind/namespace/name`. Types of objects are the caller's: it declares the fields that
it looks at, and no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import httpx
import msgspec

from torghut.platform.errors import KubernetesError

T = TypeVar("T")
_JSON: Final = "application/json"
_MERGE: Final = "application/merge-patch+json"
_APPLY: Final = "application/apply-patch+yaml"
_MANAGER: Final = "torghut"


class MissingError(KubernetesError):
    """There is no such object."""


class UnansweredError(KubernetesError):
    """The API server, or what it passes requests on to, does not answer now."""


@dataclass(frozen=True)
class Kind:
    """A kind of object: its name, and where its collections are."""

    name: str
    group: str
    plural: str
    namespaced: bool = True

    def collection(self, namespace: str) -> str:
        """The path of its objects in a namespace."""
        base = f"/apis/{self.group}" if "/" in self.group else f"/api/{self.group}"
        return f"{base}/namespaces/{namespace}/{self.plural}" if self.namespaced else f"{base}/{self.plural}"


POD: Final = Kind("pod", "v1", "pods")
SECRET: Final = Kind("secret", "v1", "secrets")
CONFIG_MAP: Final = Kind("configmap", "v1", "configmaps")
SERVICE: Final = Kind("service", "v1", "services")
ENDPOINTS: Final = Kind("endpoints", "v1", "endpoints")
DEPLOYMENT: Final = Kind("deployment", "apps/v1", "deployments")
REPLICA_SET: Final = Kind("replicaset", "apps/v1", "replicasets")
SEALED_SECRET: Final = Kind("sealedsecret", "bitnami.com/v1alpha1", "sealedsecrets")
FLINK_DEPLOYMENT: Final = Kind("flinkdeployment", "flink.apache.org/v1beta1", "flinkdeployments")
FLINK_SNAPSHOT: Final = Kind("flinkstatesnapshot", "flink.apache.org/v1beta1", "flinkstatesnapshots")
KAFKA: Final = Kind("kafka", "kafka.strimzi.io/v1", "kafkas")
KAFKA_USER: Final = Kind("kafkauser", "kafka.strimzi.io/v1", "kafkausers")
KAFKA_TOPIC: Final = Kind("kafkatopic", "kafka.strimzi.io/v1", "kafkatopics")


@dataclass(frozen=True)
class Ref:
    """One object. As text it is `kind/namespace/name`."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.name}/{self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{self.kind.collection(self.namespace)}/{self.name}"


class Api:
    """Requests through a client that is logged in (`access`, `in_cluster`)."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def read(self, ref: Ref, kind: type[T]) -> T:
        """One object.

        Raises:
            MissingError: it is not there.
            KubernetesError: no answer, no right to read it, or it is not of that form.
        """
        return _decode(self._request("GET", ref.path, str(ref)), kind, str(ref))

    def find(self, ref: Ref, kind: type[T]) -> T | None:
        """One object; None when it is not there."""
        try:
            return self.read(ref, kind)
        except MissingError:
            return None

    def list(self, kind: Kind, namespace: str, item: type[T], selector: str = "") -> tuple[T, ...]:
        """The objects of a namespace, those with these labels (`name=value,...`)."""
        what = f"{kind.name}s of {namespace}"
        query = {"labelSelector": selector} if selector else {}
        found = self._request("GET", kind.collection(namespace), what, params=query)
        return tuple(_decode(raw, item, what) for raw in _decode(found, _List, what).items)

    def patch(self, ref: Ref, change: object, part: str = "") -> None:
        """Merge a change into an object, or into a part of it (`status`)."""
        path = f"{ref.path}/{part}" if part else ref.path
        self._request("PATCH", path, str(ref), content=msgspec.json.encode(change), headers={"Content-Type": _MERGE})

    def create(self, ref: Ref, wanted: object) -> None:
        """Make an object; nothing happens when it is there already."""
        path, content = ref.kind.collection(ref.namespace), msgspec.json.encode(wanted)
        response = self._send("POST", path, str(ref), content=content, headers={"Content-Type": _JSON})
        if response.status_code != HTTPStatus.CONFLICT:
            _judge(response, "POST", str(ref))

    def apply(self, ref: Ref, wanted: object) -> None:
        """Make an object, or make it what is wanted of it, on the server's side. Fields of others stay theirs."""
        query = {"fieldManager": _MANAGER, "force": "true"}
        content = msgspec.json.encode(wanted)
        self._request("PATCH", ref.path, str(ref), content=content, headers={"Content-Type": _APPLY}, params=query)

    def delete(self, ref: Ref) -> None:
        """Remove an object; nothing happens when it is not there."""
        try:
            self._request("DELETE", ref.path, str(ref))
        except MissingError:
            return

    def log(self, pod: Ref, since: str, limit_bytes: int = 4_000_000) -> str:
        """What a pod's container wrote since then (RFC 3339), the newest part of it."""
        query = {"sinceTime": since, "limitBytes": str(limit_bytes)}
        return self._request("GET", f"{pod.path}/log", str(pod), params=query).decode(errors="replace")

    def ask(self, target: Ref, port: str, path: str, scheme: str = "") -> httpx.Response:
        """What a pod or Service answers over HTTP, whatever the status; the API server passes it on.

        Raises:
            UnansweredError: nobody answers there.
        """
        return self._send("GET", f"{self.way_to(target, port, scheme)}{path}", str(target))

    @property
    def client(self) -> httpx.Client:
        """What requests go through, for clients of what the API server passes them on to (`way_to`)."""
        return self._client

    def way_to(self, target: Ref, port: str, scheme: str = "") -> str:
        """The path below which the API server passes requests on; a Role names the part before `/proxy` as it is."""
        name = f"{scheme}:{target.name}" if scheme else target.name
        return f"{target.kind.collection(target.namespace)}/{name}:{port}/proxy"

    def _request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        return _judge(self._send(method, path, what, content=content, headers=headers, params=params), method, what)

    def _send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return self._client.request(method, path, content=content, headers=headers, params=params)
        except (httpx.HTTPError, OSError) as error:
            raise UnansweredError(f"{what}: the API server does not answer ({error!r})") from error


class _List(msgspec.Struct):
    items: list[msgspec.Raw]


class _Said(msgspec.Struct):
    message: str = ""


def _judge(response: httpx.Response, method: str, what: str) -> bytes:
    """The answer, or what it means that there is none."""
    if response.is_success:
        return response.content
    said = _said(response)
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise MissingError(f"{what}: {said}")
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UnansweredError(f"{what}: {said}")
    raise KubernetesError(f"{what}: the API server refused {method} ({response.status_code} {said})")


def _decode(content: bytes | msgspec.Raw, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise KubernetesError(f"{what} is not what was expected ({error}): is it of another version?") from error


def _said(response: httpx.Response) -> str:
    try:
        return msgspec.json.decode(response.content, type=_Said).message or response.reason_phrase
    except msgspec.DecodeError:
        return " ".join(response.text.split())[:200]
