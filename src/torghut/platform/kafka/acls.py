"""Who may do what on the broker: one table, the least that each role needs, as values.

Everything that is not here is denied (`StandardAuthorizer`, nothing allowed without an entry). Reading and writing a
topic imply describing it; an idempotent producer needs nothing beyond writing (KIP-679).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from torghut.wire.topics import BARS_1M, DLQ, QUOTES, TOPICS, TRADES, Role, Topic, full_name


class Resource(StrEnum):
    """What an entry is about."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional_id"


class Operation(StrEnum):
    """What an entry allows."""

    READ = "read"
    WRITE = "write"
    DESCRIBE = "describe"


class Acl(msgspec.Struct, frozen=True):
    """`user` may do `operation` on the resource called `name` (all that start with it, if `prefixed`)."""

    user: str
    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False


ADMIN: Final = "admin"
_READ_WRITE: Final = (Operation.READ, Operation.WRITE, Operation.DESCRIBE)
_READ: Final = (Operation.READ, Operation.DESCRIBE)


def username(role: Role) -> str:
    """The Kafka user of a role."""
    return f"torghut-{role.value}"


def usernames(role: Role) -> tuple[str, str]:
    """The users that a role can have: a rotation goes from the one to the other, and the next one back."""
    first = username(role)
    return first, f"{first}-2"


def group_prefix(role: Role, prefix: str = "") -> str:
    """What the role's consumer groups and transactional ids start with. The forwarder has none."""
    return f"{prefix}{username(role)}"


def acls(prefix: str = "") -> tuple[Acl, ...]:
    """Every entry for the topics that start with `prefix` (TOPIC_PREFIX)."""
    return (*_forwarder(prefix), *_ta(prefix), *_audit(prefix))


def acls_of(role: Role, user: str, prefix: str = "") -> tuple[Acl, ...]:
    """The entries of one role, for the user who has it now; groups and transactional ids keep the role's names."""
    owner = username(role)
    return tuple(msgspec.structs.replace(entry, user=user) for entry in acls(prefix) if entry.user == owner)


def _topics(role: Role, topics: tuple[Topic, ...], operations: tuple[Operation, ...], prefix: str) -> tuple[Acl, ...]:
    return tuple(
        Acl(username(role), Resource.TOPIC, full_name(topic, prefix), operation)
        for topic in topics
        for operation in operations
    )


def _group(role: Role, prefix: str) -> tuple[Acl, ...]:
    return tuple(
        Acl(username(role), Resource.GROUP, group_prefix(role, prefix), operation, prefixed=True) for operation in _READ
    )


def _own(role: Role) -> tuple[Topic, ...]:
    return tuple(topic for topic in TOPICS if topic.writer is role)


def _forwarder(prefix: str) -> tuple[Acl, ...]:
    """Its own topics, which it also reads back at start. No group: it reads by position."""
    return _topics(Role.FORWARDER, _own(Role.FORWARDER), _READ_WRITE, prefix)


def _ta(prefix: str) -> tuple[Acl, ...]:
    """Reads what the forwarder writes, writes its own topics in transactions, and dead letters."""
    role = Role.TA
    transactions = tuple(
        Acl(username(role), Resource.TRANSACTIONAL_ID, group_prefix(role, prefix), operation, prefixed=True)
        for operation in (Operation.WRITE, Operation.DESCRIBE)
    )
    return (
        *_topics(role, (TRADES, QUOTES, BARS_1M), _READ, prefix),
        *_topics(role, _own(role), _READ_WRITE, prefix),
        *_topics(role, (DLQ,), (Operation.WRITE, Operation.DESCRIBE), prefix),
        *transactions,
        *_group(role, prefix),
    )


def _audit(prefix: str) -> tuple[Acl, ...]:
    """Reads everything, changes nothing: the audit, the console, `torghut tail` and clients."""
    return (*_topics(Role.AUDIT, TOPICS, _READ, prefix), *_group(Role.AUDIT, prefix))
