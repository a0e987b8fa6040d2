"""Topics, users and permissions of a broker, brought to what they must be. Running it again changes nothing.

The controller answers before the broker has taken a change up, so topics and permissions are waited for as the broker
sees them: who comes next can rely on them.

The administrator here is whoever the connection says: the local stack uses the broker's own certificate, so that every
password, the administrator's too, is data that can be set anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from confluent_kafka.error import KafkaError as Code

from torghut.platform.errors import KafkaError
from torghut.platform.kafka.acls import Acl, Operation, Resource
from torghut.platform.waiting import wait_until
from torghut.wire.topics import Topic, full_name

_ITERATIONS: Final = 4096
_DEADLINE_S: Final = 30.0
_RESOURCES: Final = {
    Resource.TOPIC: ResourceType.TOPIC,
    Resource.GROUP: ResourceType.GROUP,
    Resource.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
}
_OPERATIONS: Final = {
    Operation.READ: AclOperation.READ,
    Operation.WRITE: AclOperation.WRITE,
    Operation.DESCRIBE: AclOperation.DESCRIBE,
}
_ANY: Final[Any] = None  # the library's types do not know that its filters take None
_EVERY_PERMISSION: Final = AclBindingFilter(
    ResourceType.ANY, _ANY, ResourcePatternType.ANY, _ANY, _ANY, AclOperation.ANY, AclPermissionType.ANY
)


class Admin:
    """An administrator's connection. `connection` is librdkafka's configuration."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._client = AdminClient({**connection, "log_level": 0})

    def create_topics(self, topics: Iterable[Topic], prefix: str = "") -> None:
        """Make the topics that are not there, with one replica and the local number of partitions.

        Raises:
            KafkaError: the broker refused or did not answer.
        """
        wanted = [
            NewTopic(full_name(topic, prefix), topic.partitions[0], replication_factor=1, config=topic.config())
            for topic in topics
        ]
        _finish(self._client.create_topics(wanted), "create topics", harmless=Code.TOPIC_ALREADY_EXISTS)
        names = {topic.topic for topic in wanted}
        self._wait(lambda: names <= self._topics_with_leaders(), "topics to have leaders")

    def delete_topics(self, names: Sequence[str]) -> None:
        """Remove topics; those that are not there are no error."""
        if names:
            _finish(self._client.delete_topics(list(names)), "delete topics", harmless=Code.UNKNOWN_TOPIC_OR_PART)

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Make each user of `passwords` a SCRAM-SHA-512 user with that password."""
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        upsertions: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(user, credential, password.encode()) for user, password in passwords.items()
        ]
        _finish(self._client.alter_user_scram_credentials(upsertions), "set passwords")

    def allow(self, entries: Sequence[Acl]) -> None:
        """Add permissions; those that are there stay."""
        wanted = {_binding(entry) for entry in entries}
        _finish(self._client.create_acls(list(wanted)), "add permissions")
        self._wait(lambda: wanted <= self._permissions(), "permissions to be in force")

    def forbid(self, entries: Sequence[Acl]) -> None:
        """Take permissions away."""
        unwanted = {_binding(entry) for entry in entries}
        _finish(self._client.delete_acls([_filter(entry) for entry in entries]), "remove permissions")
        self._wait(lambda: not unwanted & self._permissions(), "permissions to be gone")

    def lacking(self, entries: Sequence[Acl]) -> tuple[Acl, ...]:
        """Those of the permissions that are not in force."""
        there = self._permissions()
        return tuple(entry for entry in entries if _binding(entry) not in there)

    def forget_permissions(self, user: str) -> None:
        """Take away everything that this user may do."""
        every = AclBindingFilter(
            ResourceType.ANY,
            _ANY,
            ResourcePatternType.ANY,
            f"User:{user}",
            _ANY,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        _finish(self._client.delete_acls([every]), "remove permissions")

    def users(self) -> frozenset[str]:
        """The SCRAM users of the broker.

        Raises:
            KafkaError: the broker refused or did not answer.
        """
        try:
            everyone: Any = self._client.describe_user_scram_credentials()  # one future when no user is named
            users = frozenset(everyone.result(_DEADLINE_S))
        except (KafkaException, TimeoutError) as error:
            raise KafkaError(f"could not list the users: {error}; see the broker's log") from error
        if not users:  # who asks is one: so says librdkafka also when it was not let in
            raise KafkaError("could not list the users: the broker names none; see its log")
        return users

    def remove_user(self, user: str) -> None:
        """Delete a SCRAM user; one that is not there is no error."""
        deletion: list[UserScramCredentialAlteration] = [
            UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
        ]
        _finish(self._client.alter_user_scram_credentials(deletion), "remove a user", harmless=Code.RESOURCE_NOT_FOUND)

    def topics(self) -> dict[str, tuple[int, int]]:
        """Every topic: the fewest replicas in sync that a partition has, and how many partitions have no leader.

        Raises:
            KafkaError: the broker did not answer.
        """
        try:
            found = self._client.list_topics(timeout=_DEADLINE_S).topics
        except KafkaException as error:
            raise KafkaError(f"could not list the topics: {error.args[0].str()}; see the broker's log") from error
        return {
            name: (
                min((len(partition.isrs) for partition in topic.partitions.values()), default=0),
                sum(partition.leader < 0 for partition in topic.partitions.values()),
            )
            for name, topic in found.items()
        }

    def topic_settings(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """The configuration of topics as it is in force, with the broker's defaults.

        Raises:
            KafkaError: the broker refused or did not answer.
        """
        asked = self._client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in names])
        found = {}
        for resource, future in asked.items():
            try:
                entries = future.result(_DEADLINE_S)
            except (KafkaException, TimeoutError) as error:
                raise KafkaError(f"could not read the settings of {resource.name}: {error}") from error
            found[resource.name] = {name: entry.value or "" for name, entry in entries.items()}
        return found

    def set_topic(self, name: str, settings: Mapping[str, str | None]) -> None:
        """Change settings of a topic; None takes one back to the broker's default."""
        self._alter(ConfigResource(ConfigResource.Type.TOPIC, name), settings)

    def set_broker(self, broker: int, settings: Mapping[str, str | None]) -> None:
        """Change dynamic settings of a broker; naming a key store again makes it read the file anew."""
        self._alter(ConfigResource(ConfigResource.Type.BROKER, str(broker)), settings)

    def _alter(self, resource: ConfigResource, settings: Mapping[str, str | None]) -> None:
        for name, value in settings.items():
            operation = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
            resource.add_incremental_config(ConfigEntry(name, value or "", incremental_operation=operation))
        _finish(self._client.incremental_alter_configs([resource]), f"change settings of {resource.name}")

    def _permissions(self) -> set[AclBinding]:
        return set(self._client.describe_acls(_EVERY_PERMISSION).result(_DEADLINE_S))

    def _topics_with_leaders(self) -> set[str]:
        topics = self._client.list_topics(timeout=_DEADLINE_S).topics
        return {
            name
            for name, topic in topics.items()
            if topic.partitions and all(partition.leader >= 0 for partition in topic.partitions.values())
        }

    def _wait(self, probe: Callable[[], bool], what: str) -> None:
        try:
            wait_until(probe, _DEADLINE_S, what, 0.05)
        except (KafkaException, TimeoutError) as error:
            raise KafkaError(f"waited for {what}, but {error}; see the broker's log") from error


def _fields(entry: Acl) -> tuple[Any, ...]:
    return (
        _RESOURCES[entry.resource],
        entry.name,
        ResourcePatternType.PREFIXED if entry.prefixed else ResourcePatternType.LITERAL,
        f"User:{entry.user}",
        "*",
        _OPERATIONS[entry.operation],
        AclPermissionType.ALLOW,
    )


def _binding(entry: Acl) -> AclBinding:
    return AclBinding(*_fields(entry))


def _filter(entry: Acl) -> AclBindingFilter:
    return AclBindingFilter(*_fields(entry))


def _finish(futures: Mapping[Any, Future[Any]], what: str, harmless: int | None = None) -> None:
    for future in futures.values():
        try:
            future.result(_DEADLINE_S)
        except KafkaException as error:
            if error.args[0].code() != harmless:
                raise KafkaError(f"could not {what}: {error.args[0].str()}; see the broker's log") from error
        except TimeoutError as error:
            raise KafkaError(f"could not {what}: no answer in {_DEADLINE_S:g} s; see the broker's log") from error
