"""An overlay as it would be applied, and ways to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.deploy.documents import Object
from tools.deploy.overlays import objects


@dataclass(frozen=True)
class Pods:
    """Pods that are all alike: who makes them, how they are labelled, and what they are."""

    owner: str
    namespace: str
    labels: dict[str, str]
    spec: Object

    @property
    def container(self) -> Object:
        """Its one container."""
        (container,) = self.spec["containers"]
        found: Object = container
        return found

    @property
    def containers(self) -> list[Object]:
        """The one, and those that prepare for it."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


@cache
def overlay(name: str) -> tuple[Object, ...]:
    """The overlay's objects."""
    return tuple(objects(name))


def of_kind(name: str, *kinds: str) -> list[Object]:
    """The overlay's objects of these kinds."""
    return [one for one in overlay(name) if one["kind"] in kinds]


def the(name: str, kind: str, called: str) -> Object:
    """One object of the overlay."""
    (found,) = (one for one in of_kind(name, kind) if one["metadata"]["name"] == called)
    return found


def pods(name: str) -> list[Pods]:
    """All pods that the overlay's own manifests describe. (Strimzi makes those of Kafka by itself.)"""
    return [*_of_deployments(name), *_of_flink(name)]


def kafka_clients(name: str) -> list[Pods]:
    """Those of them that talk to Kafka: all but the simulator."""
    return [one for one in pods(name) if one.owner != "sim"]


def _of_deployments(name: str) -> Iterator[Pods]:
    for one in of_kind(name, "Deployment"):
        template = one["spec"]["template"]
        yield Pods(
            one["metadata"]["name"], one["metadata"]["namespace"], template["metadata"]["labels"], template["spec"]
        )


def _of_flink(name: str) -> Iterator[Pods]:
    """A JobManager and TaskManagers from one template; Flink adds labels, the image and the service account."""
    for one in of_kind(name, "FlinkDeployment"):
        template, metadata, spec = one["spec"]["podTemplate"], one["metadata"], one["spec"]
        for component in ("jobmanager", "taskmanager"):
            labels = {**template["metadata"]["labels"], "app": metadata["name"], "component": component}
            container = {**template["spec"]["containers"][0], "image": spec["image"]}
            whole = {**template["spec"], "containers": [container], "serviceAccountName": spec["serviceAccount"]}
            yield Pods(f"{metadata['name']}-{component}", metadata["namespace"], labels, whole)


def environment(name: str, of: Pods) -> dict[str, str]:
    """Variable to value, as the container gets them; of what Kubernetes fills in there is only the fact."""
    found: dict[str, str] = {}
    for source in of.container.get("envFrom", ()):
        found |= the(name, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in of.container.get("env", ()):
        found[variable["name"]] = variable.get("value", "filled-in")
    return found


def secrets_of(of: Pods) -> Iterator[tuple[str, str]]:
    """(Secret, key) of all that the pod reads."""
    for volume in of.spec.get("volumes", ()):
        sources: list[dict[str, Any]] = volume.get("projected", {}).get("sources", [volume])
        for source in (one["secret"] for one in sources if "secret" in one):
            for item in source.get("items", [{"key": "*"}]):
                yield source.get("name") or source["secretName"], item["key"]
    for variable in of.container.get("env", ()):
        if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
            yield reference["name"], reference["key"]
