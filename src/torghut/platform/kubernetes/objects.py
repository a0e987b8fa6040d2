"""The fields of objects that are looked at; everything else of them passes unseen."""

from __future__ import annotations

import base64
from datetime import datetime

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """Who made an object, and removes it."""

    kind: str
    name: str
    controller: bool = False


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What every object has."""

    name: str = ""
    namespace: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[Owner, ...] = ()
    deletion_timestamp: str | None = None

    @property
    def controller(self) -> Owner | None:
        """The one owner that makes it anew when it goes."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Secret(msgspec.Struct, frozen=True):
    """A Secret: values in base64."""

    metadata: Metadata = Metadata()
    data: dict[str, str] = {}

    def values(self) -> dict[str, str]:
        """The values as they are."""
        return {name: base64.b64decode(value).decode() for name, value in self.data.items()}


class ConfigMap(msgspec.Struct, frozen=True):
    """A ConfigMap."""

    metadata: Metadata = Metadata()
    data: dict[str, str] = {}


class KeyRef(msgspec.Struct, frozen=True):
    """A part of a volume or variable that names another object."""

    name: str = ""


class SecretVolume(msgspec.Struct, frozen=True, rename="camel"):
    """Which Secret."""

    secret_name: str = ""


class Volume(msgspec.Struct, frozen=True, rename="camel"):
    """A volume of a pod, if a Secret is mounted by it."""

    secret: SecretVolume | None = None


class EnvironmentSource(msgspec.Struct, frozen=True, rename="camel"):
    """Where a variable's value is taken from, if that is a Secret."""

    secret_key_ref: KeyRef | None = None
    config_map_ref: KeyRef | None = None
    secret_ref: KeyRef | None = None


class Variable(msgspec.Struct, frozen=True, rename="camel"):
    """A variable of a container."""

    name: str
    value: str = ""
    value_from: EnvironmentSource | None = None


class Port(msgspec.Struct, frozen=True, rename="camel"):
    """A port that a container listens on."""

    container_port: int
    name: str = ""


class Container(msgspec.Struct, frozen=True, rename="camel"):
    """A container of a pod."""

    ports: tuple[Port, ...] = ()
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    env_from: tuple[EnvironmentSource, ...] = ()


class PodSpec(msgspec.Struct, frozen=True):
    """What a pod is made of."""

    containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()

    def variable(self, name: str) -> str:
        """The value of a variable of its containers; empty when none has it as plain text."""
        return next((one.value for container in self.containers for one in container.env if one.name == name), "")


class Condition(msgspec.Struct, frozen=True):
    """One thing that is so of an object, or not."""

    type: str
    status: str


class Running(msgspec.Struct, frozen=True, rename="camel"):
    """Since when (RFC 3339) a container runs."""

    started_at: str


class Waiting(msgspec.Struct, frozen=True):
    """Why a container does not run yet."""

    reason: str = ""


class ContainerState(msgspec.Struct, frozen=True):
    """A container's state, if it runs or waits."""

    running: Running | None = None
    waiting: Waiting | None = None


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What the kubelet says of a container."""

    state: ContainerState = ContainerState()
    restart_count: int = 0


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What the kubelet says of a pod."""

    phase: str = ""
    reason: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    """A pod."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def ready(self) -> bool:
        """Whether it takes part, and is not about to go."""
        is_so = any(condition.type == "Ready" and condition.status == "True" for condition in self.status.conditions)
        return is_so and not self.leaving

    @property
    def over(self) -> bool:
        """Whether none of its containers runs any more, or will."""
        return self.status.phase in {"Succeeded", "Failed"}

    @property
    def since_ns(self) -> int:
        """When its containers started, ns since the epoch, to the second; 0 before that."""
        states = [status.state.running for status in self.status.container_statuses]
        started = [nanoseconds(state.started_at) for state in states if state is not None]
        return max(started, default=0)

    @property
    def leaving(self) -> bool:
        """Whether it was asked to go."""
        return self.metadata.deletion_timestamp is not None

    @property
    def restarts(self) -> int:
        """How often its containers were started again."""
        return sum(status.restart_count for status in self.status.container_statuses)

    @property
    def waits_for(self) -> str:
        """Why a container of it does not run; empty when none waits."""
        states = [status.state.waiting for status in self.status.container_statuses]
        return next((state.reason for state in states if state is not None), "")

    def port(self, name: str) -> int | None:
        """The number of a port; None when no container names one so."""
        ports = (port for container in self.spec.containers for port in container.ports)
        return next((port.container_port for port in ports if port.name == name), None)

    def uses_secret(self, name: str) -> bool:
        """Whether the Secret is mounted into it, or in its environment."""
        mounted = any(volume.secret is not None and volume.secret.secret_name == name for volume in self.spec.volumes)
        sources = [
            reference
            for container in self.spec.containers
            for source in (*container.env_from, *(v.value_from for v in container.env if v.value_from))
            for reference in (source.secret_key_ref, source.secret_ref)
        ]
        return mounted or any(source is not None and source.name == name for source in sources)


class Template(msgspec.Struct, frozen=True):
    """What the pods of a Deployment are made from."""

    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()


class DeploymentSpec(msgspec.Struct, frozen=True):
    """What is wanted of a Deployment."""

    replicas: int = 1
    template: Template = Template()


class DeploymentStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How far its controller is."""

    observed_generation: int = 0


class Deployment(msgspec.Struct, frozen=True):
    """A Deployment."""

    metadata: Metadata
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


def nanoseconds(moment: str) -> int:
    """Kubernetes' time (RFC 3339, UTC) as ns since the epoch."""
    return int(datetime.fromisoformat(moment).timestamp()) * 1_000_000_000
