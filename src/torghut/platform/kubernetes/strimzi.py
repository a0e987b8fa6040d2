"""Strimzi's KafkaUser and KafkaTopic, as far as they are looked at: what is wanted, and whether it is so."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from torghut.platform.kafka.acls import Acl, Operation, Resource
from torghut.platform.kubernetes.objects import Metadata

RESOURCES: Final = {
    "topic": Resource.TOPIC,
    "group": Resource.GROUP,
    "transactionalId": Resource.TRANSACTIONAL_ID,
}
"""What a permission is about, by Strimzi's word for it."""
_OPERATIONS: Final = {operation.value.title(): operation for operation in Operation}


class Condition(msgspec.Struct, frozen=True):
    """One thing that is so of a resource, or not, and why."""

    type: str
    status: str
    message: str = ""


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """What the operator says of a resource."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


class TopicSpec(msgspec.Struct, frozen=True):
    """What is wanted of a topic."""

    partitions: int
    replicas: int
    config: dict[str, Any] = {}


class KafkaTopic(msgspec.Struct, frozen=True):
    """A topic. Its name is the object's."""

    metadata: Metadata
    spec: TopicSpec


class AclResource(msgspec.Struct, frozen=True, rename="camel"):
    """What a permission is about."""

    type: str
    name: str = ""
    pattern_type: str = "literal"


class AclRule(msgspec.Struct, frozen=True):
    """A permission."""

    resource: AclResource
    operations: tuple[str, ...] = ()


class Authorization(msgspec.Struct, frozen=True):
    """A user's permissions."""

    acls: tuple[AclRule, ...] = ()


class SecretKey(msgspec.Struct, frozen=True):
    """A value of a Secret of the same namespace."""

    name: str
    key: str


class ValueFrom(msgspec.Struct, frozen=True, rename="camel"):
    """Where a value is taken from."""

    secret_key_ref: SecretKey


class Password(msgspec.Struct, frozen=True, rename="camel"):
    """A password that is given."""

    value_from: ValueFrom


class Authentication(msgspec.Struct, frozen=True):
    """How a user logs in. Without a password the operator makes one."""

    password: Password | None = None


class SecretTemplate(msgspec.Struct, frozen=True):
    """What a user's Secret gets besides."""

    metadata: Metadata = Metadata()


class Template(msgspec.Struct, frozen=True):
    """What is made for a user."""

    secret: SecretTemplate = SecretTemplate()


class UserSpec(msgspec.Struct, frozen=True):
    """What is wanted of a user."""

    authentication: Authentication = Authentication()
    authorization: Authorization = Authorization()
    quotas: dict[str, Any] | None = None
    template: Template = Template()


class KafkaUser(msgspec.Struct, frozen=True):
    """A user. Its name is the object's."""

    metadata: Metadata
    spec: UserSpec = UserSpec()
    status: Status = Status()

    @property
    def trouble(self) -> str:
        """Why it is not as is wanted now; empty when the operator says that it is."""
        if self.status.observed_generation < self.metadata.generation:
            return "not taken up by the user operator yet"
        ready = next((one for one in self.status.conditions if one.type == "Ready"), None)
        if ready is not None and ready.status == "True":
            return ""
        said = "; ".join(one.message for one in self.status.conditions if one.message)
        return f"not ready ({said or 'the user operator does not say why'})"

    def permissions(self) -> frozenset[Acl]:
        """What it may do, as far as the product's table knows such things."""
        return frozenset(
            Acl(
                self.metadata.name,
                RESOURCES[rule.resource.type],
                rule.resource.name,
                _OPERATIONS[operation],
                prefixed=rule.resource.pattern_type == "prefix",
            )
            for rule in self.spec.authorization.acls
            if rule.resource.type in RESOURCES
            for operation in rule.operations
            if operation in _OPERATIONS
        )
