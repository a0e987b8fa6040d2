"""What procedures see of Kafka: its users, and what a client of it meets on the way to a written record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torghut.runbooks.ports import Change


class Cause(StrEnum):
    """Why a record cannot be written, in the order of the way there."""

    NAME = "name"
    CONNECT = "connect"
    TLS_EXPIRED = "tls-expired"
    TLS_UNKNOWN_CA = "tls-unknown-ca"
    TLS_WRONG_HOST = "tls-wrong-host"
    TLS = "tls"
    COPY = "secret-copy"
    PASSWORD = "password"  # noqa: S105 - a cause
    USER = "unknown-user"
    ACL = "acl"
    TOPIC_MISSING = "topic-missing"
    TOPIC_REPLICAS = "topic-replicas"
    TOPIC_SIZE = "topic-record-size"
    DISK = "disk"
    QUOTA = "quota"


@dataclass(frozen=True)
class Found:
    """One thing that is wrong: why, by which evidence, and about what (a broker, a topic, a user)."""

    cause: Cause
    evidence: str
    about: str = ""


class KafkaProbe(Protocol):
    """The way of the forwarder's records to Kafka, each stretch asked on its own. Empty: this stretch is fine."""

    def way(self) -> tuple[Found, ...]:
        """Name resolution and TCP to each broker."""
        ...

    def certificate(self) -> tuple[Found, ...]:
        """TLS with each broker, against the truststore that the clients use."""
        ...

    def login(self, role: str) -> tuple[Found, ...]:
        """A fresh SASL login as the role's user with the Secret in force."""
        ...

    def permissions(self, role: str) -> tuple[Found, ...]:
        """What the role must be allowed, against what is in force: one entry for each operation and resource."""
        ...

    def topics(self) -> tuple[Found, ...]:
        """The topics that must be there, their replicas in sync, and the record size they take."""
        ...

    def written(self, role: str, since_ns: int) -> int:
        """How many records of the role's topics, written since then, a reader of its own gets."""
        ...

    def space(self) -> tuple[Found, ...]:
        """The brokers' disks, and quotas on the role's user."""
        ...


@dataclass(frozen=True)
class Login:
    """What a fresh login as somebody came to. `accepted` is None when nobody could be asked."""

    accepted: bool | None
    what: str


class KafkaUsers(Protocol):
    """The users of the broker, and what they may do."""

    def name(self, role: str) -> str:
        """The user that a role's Secret names."""
        ...

    def exists(self, user: str) -> bool:
        """Whether the broker knows the user."""
        ...

    def put(self, user: str, password: str, role: str, change: Change) -> None:
        """Make the user with this password and everything that the role may do."""
        ...

    def permitted(self, user: str, role: str) -> tuple[str, ...]:
        """What the role needs and this user lacks, in words; empty when nothing."""
        ...

    def remove(self, user: str, change: Change) -> None:
        """Delete the user and its permissions."""
        ...

    def login(self, values: Mapping[str, str]) -> Login:
        """A fresh login with the values of a Secret (`username`, `password`)."""
        ...


class KafkaRepair(Protocol):
    """Putting the broker back to what the desired state says. Each does nothing when it is so."""

    def of_others(self, cause: Cause) -> str:
        """Who mends this cause where no procedure does, and how; empty when there is a repair."""
        ...

    def start_broker(self, change: Change) -> None:
        """Run the broker."""
        ...

    def restore_certificate(self, change: Change) -> None:
        """A valid certificate for the broker by the authority that the clients trust."""
        ...

    def restore_truststore(self, change: Change) -> None:
        """The clients' truststore as the authority is."""
        ...

    def restore_user(self, role: str, change: Change) -> None:
        """The role's user with the password of its Secret and everything the role may do."""
        ...

    def restore_permissions(self, role: str, change: Change) -> None:
        """Everything that the role may do, for its user."""
        ...

    def restore_secret(self, role: str, change: Change) -> None:
        """The role's Secret as its source has it."""
        ...

    def restore_topics(self, change: Change) -> None:
        """Every topic there, with its declared configuration."""
        ...

    def lift_quota(self, role: str, change: Change) -> None:
        """No quota on the role's user."""
        ...


class KafkaAuthority(Protocol):
    """The authority behind the brokers' certificate, in generations, and the truststore of the clients."""

    def serving(self) -> str:
        """The generation that the brokers show now, by a fresh handshake with each."""
        ...

    def trusted(self) -> tuple[str, ...]:
        """The generations that the clients' truststore holds."""
        ...

    def exists(self, generation: str) -> bool:
        """Whether there is such a generation."""
        ...

    def following(self, generation: str) -> str:
        """The name of the one after it."""
        ...

    def make(self, generation: str, change: Change) -> None:
        """Make a generation; nobody shows or trusts it yet."""
        ...

    def remove(self, generation: str, change: Change) -> None:
        """Forget a generation."""
        ...

    def trust(self, generations: tuple[str, ...], change: Change) -> None:
        """Let the clients' truststore hold exactly these; clients read it when they start."""
        ...

    def serve(self, generation: str, change: Change) -> None:
        """Let the brokers show this generation's certificate."""
        ...
