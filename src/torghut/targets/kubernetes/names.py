"""Names of Kafka's objects that manifests and procedures share."""

from __future__ import annotations

from typing import Final

from torghut.ops.errors import RefusedError
from torghut.platform.kafka.acls import username, usernames
from torghut.platform.kubernetes.api import KAFKA_TOPIC, KAFKA_USER, SEALED_SECRET, SECRET, Ref
from torghut.wire.topics import Role, Topic

KAFKA: Final = "kafka"
"""The namespace of Strimzi's resources."""
AUTHORITY: Final = "torghut-cluster-ca-cert"
"""The Secret with the authority that clients trust (`ca.crt`), and its copy."""
ROTATED: Final = (Role.FORWARDER,)
"""Roles whose user procedures change: its password is sealed in Git, and there is a second user to move to."""


def passwords(role: Role) -> str:
    """The Secret with the passwords of a role's users, each under its user's name."""
    return f"{username(role)}-passwords"


def sealed_file(role: Role) -> str:
    """Where they are sealed, below the overlay."""
    return f"secrets/kafka-{role.value}.yaml"


def role_of(user: str) -> Role:
    """Whose user it is.

    Raises:
        RefusedError: none of those that procedures change.
    """
    known = {name: role for role in ROTATED for name in usernames(role)}
    if user not in known:
        raise RefusedError(f"{user} is no user that procedures change on Kubernetes: those are {', '.join(known)}")
    return known[user]


def user_ref(user: str) -> Ref:
    """A user."""
    return Ref(KAFKA_USER, KAFKA, user)


def topic_ref(topic: Topic) -> Ref:
    """A topic."""
    return Ref(KAFKA_TOPIC, KAFKA, topic.name)


def opened_ref(role: Role) -> Ref:
    """The passwords of a role's users, for the user operator."""
    return Ref(SECRET, KAFKA, passwords(role))


def sealed_ref(role: Role) -> Ref:
    """The same, sealed."""
    return Ref(SEALED_SECRET, KAFKA, passwords(role))
