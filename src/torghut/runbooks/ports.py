"""What procedures see of a system: protocols, and the values that pass through them.

A target (`torghut.targets`) implements them, once for the local stack and once for Kubernetes. Reads raise
`UnavailableError` when nothing answers; changes do nothing when the system is already so, and raise `RefusedError`
when the answer was no. Times are ns since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torghut.ops.procedure import Case
from torghut.runbooks.job_ports import FlinkJob, StoreUsers
from torghut.runbooks.kafka_ports import KafkaAuthority, KafkaProbe, KafkaRepair, KafkaUsers
from torghut.runbooks.lag_ports import LagMeter


@dataclass(frozen=True)
class Change:
    """Why the desired state changes. `token` names run and step; `emergency`: in force first, committed after."""

    message: str
    token: str
    emergency: bool = False

    @classmethod
    def of(cls, case: Case, message: str, token: str) -> Change:
        """A change that this run makes, in the way that its operator asked for."""
        return cls(message, token, emergency=case.options.get("emergency") == "yes")


class DesiredState(Protocol):
    """What should be, in Git: versions, scale, settings and digests of secrets, as flat names and values.

    Names: `workload.NAME.count`, `workload.NAME.run`, `secret.NAME` (a digest), `kafka.user.ROLE`, `job.tag`,
    those of `job_ports`, and a target's own. A name that is not there has the target's default.
    """

    def committed(self) -> Mapping[str, str]:
        """What the newest commit says."""
        ...

    def live(self) -> Mapping[str, str]:
        """What the target follows now."""
        ...

    def apply(self, values: Mapping[str, str], change: Change) -> None:
        """Commit these values and bring them into force; the others stay."""
        ...

    def drift(self) -> tuple[str, ...]:
        """Where the two differ: somebody changed the target by hand. A sentence for each name, which it begins with."""
        ...


class Secrets(Protocol):
    """Secrets by name (`alpaca`, `kafka.forwarder`, `kafka.ta`, `s3`), each a set of named values.

    A digest tells two secrets apart and reveals nothing of them; it differs between targets.
    """

    def digest_of(self, values: Mapping[str, str]) -> str:
        """The digest of these values."""
        ...

    def desired(self, name: str) -> str:
        """The digest that the desired state names; empty when it names none."""
        ...

    def live(self, name: str) -> str:
        """The digest of what the workloads read now."""
        ...

    def read(self, name: str) -> Mapping[str, str]:
        """The values in force: for an undo, sealed with the run."""
        ...

    def source(self, name: str) -> str:
        """The digest at the secret's origin, of which the one in force is a copy (reflected, or unsealed)."""
        ...

    def put(self, name: str, values: Mapping[str, str], change: Change) -> None:
        """Seal, commit and bring into force."""
        ...

    def restore(self, name: str, change: Change) -> None:
        """Bring into force what the origin has."""
        ...


@dataclass(frozen=True)
class Instance:
    """A process or pod. `token` is what it was last restarted for; `since_ns` when it started."""

    name: str
    ready: bool
    reason: str
    token: str
    since_ns: int


class Workloads(Protocol):
    """What runs: `forwarder`, `job`, ... each with its instances."""

    def instances(self, workload: str) -> tuple[Instance, ...]:
        """What runs of it now, the first one first."""
        ...

    def restart(self, workload: str, change: Change) -> None:
        """Replace every instance by one that carries the change's token; nothing when they do already."""
        ...

    def strays(self, workload: str) -> tuple[str, ...]:
        """What runs in the workload's role with its keys, and nobody declared: names that identify each."""
        ...

    def end_strays(self, workload: str, change: Change) -> None:
        """End them."""
        ...

    def complaints(self, workload: str, words: tuple[str, ...], since_ns: int) -> tuple[str, ...]:
        """The lines of its logs since then that hold one of the words, at most twenty, without secrets."""
        ...


@dataclass(frozen=True)
class FeedAnswer:
    """What the feed said to a pair of keys. `accepted` is None when it could not be asked."""

    accepted: bool | None
    what: str


class FeedProbe(Protocol):
    """Trying keys at the feed without disturbing the connection that runs."""

    def history(self, keys: Mapping[str, str]) -> FeedAnswer:
        """A request for the newest history of the configured feed."""
        ...

    def login(self, keys: Mapping[str, str]) -> FeedAnswer:
        """A login on the test stream, which counts apart from the others."""
        ...


@dataclass(frozen=True)
class ForwarderHealth:
    """The newest record of one instance on the status topic."""

    instance: str
    status: str
    reason: str
    detail: str
    role: str
    ts: int


class StatusReader(Protocol):
    """What the components say of themselves."""

    def forwarders(self) -> tuple[ForwarderHealth, ...]:
        """The newest record of each instance, from the topic."""
        ...


@dataclass(frozen=True)
class Ports:
    """Everything a procedure may use of one target."""

    desired: DesiredState
    secrets: Secrets
    workloads: Workloads
    feed: FeedProbe
    status: StatusReader
    kafka: KafkaProbe
    kafka_users: KafkaUsers
    kafka_repair: KafkaRepair
    kafka_authority: KafkaAuthority
    store: StoreUsers
    job: FlinkJob
    lag: LagMeter
