"""The way of the forwarder's records to Kafka, as it is seen from where procedures run.

What only an administrator of the broker could say (who there is, what they may do, how topics are set) is asked of
Strimzi's resources; what a client meets is tried as a client.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import UnavailableError
from torghut.platform.errors import PlatformError
from torghut.platform.kafka.admin import Admin
from torghut.platform.kafka.probe import try_tls, try_way
from torghut.platform.kubernetes.api import KAFKA_TOPIC
from torghut.platform.kubernetes.strimzi import KafkaTopic, KafkaUser
from torghut.runbooks.kafka_ports import Cause, Found
from torghut.targets.kafka_clients import each_broker, judge, read_since
from torghut.targets.kubernetes.brokers import Brokers
from torghut.targets.kubernetes.kafka_secrets import PREFIX, KafkaSecrets
from torghut.targets.kubernetes.kafka_users import KubernetesKafkaUsers
from torghut.targets.kubernetes.names import KAFKA, user_ref
from torghut.targets.kubernetes.place import Place, answers
from torghut.wire.topics import TOPICS, Role

_DEFAULT_LIMIT: Final = 1_048_588
"""Kafka's `message.max.bytes`."""


@dataclass(frozen=True)
class KubernetesKafkaProbe:
    """The stretches of the way."""

    place: Place
    brokers: Brokers
    secrets: KafkaSecrets
    users: KubernetesKafkaUsers

    def way(self) -> tuple[Found, ...]:
        """Name and TCP."""
        return each_broker(self.brokers.servers, try_way)

    def certificate(self) -> tuple[Found, ...]:
        """TLS against the truststore that pods mount."""
        ca = self.brokers.truststore()
        return each_broker(self.brokers.servers, lambda host, port: try_tls(host, port, ca))

    def login(self, role: str) -> tuple[Found, ...]:
        """A fresh login; if refused, why: the copy is another than its source, no such user, a wrong password."""
        name, user = f"{PREFIX}{role}", self.users.name(role)
        source, copy = self.secrets.source(name), self.secrets.live(name)
        refused = self._refused(name)
        if not refused:
            return ()
        if not self.users.exists(user):
            return (Found(Cause.USER, f"there is no {user_ref(user)}", user),)
        if source != copy:
            return (Found(Cause.COPY, f"the copy of secret {name} is {copy}, its source {source}; {refused}", user),)
        return (Found(Cause.PASSWORD, refused, user),)

    def permissions(self, role: str) -> tuple[Found, ...]:
        """What the KafkaUser does not ask for, or is not in force."""
        user = self.users.name(role)
        return tuple(Found(Cause.ACL, f"{user} may not {what}", what) for what in self.users.permitted(user, role))

    def topics(self) -> tuple[Found, ...]:
        """Missing ones, those with too few replicas in sync, those that take no large record."""
        there = self._there()
        with answers():
            wanted = {one.metadata.name: one.spec.config for one in self.place.api.list(KAFKA_TOPIC, KAFKA, KafkaTopic)}
        names = [topic.name for topic in TOPICS]
        missing = [Found(Cause.TOPIC_MISSING, f"{name} is not there", name) for name in names if name not in there]
        judged = (
            judge(
                name,
                there[name],
                int(wanted.get(name, {}).get("min.insync.replicas", 1)),
                int(wanted.get(name, {}).get("max.message.bytes", _DEFAULT_LIMIT)),
            )
            for name in names
            if name in there
        )
        return (*missing, *(found for found in judged if found is not None))

    def written(self, role: str, since_ns: int) -> int:
        """Read, as the audit's user, a few records of each partition that the role wrote since then."""
        names = [topic.name for topic in TOPICS if topic.writer.value == role]
        return read_since(self.brokers.reader(), names, since_ns)

    def space(self) -> tuple[Found, ...]:
        """Quotas on the forwarder's user. A full disk is Strimzi's to tell: the brokers are not reached then."""
        user = self.users.name(Role.FORWARDER.value)
        with answers():
            found = self.place.api.find(user_ref(user), KafkaUser)
        quotas = found.spec.quotas if found is not None else None
        return (Found(Cause.QUOTA, f"{user_ref(user)} has quotas: {quotas}", user),) if quotas else ()

    def _refused(self, name: str) -> str:
        """What was said to a login that was refused; empty when it was not."""
        try:
            values = self.secrets.read(name)
        except UnavailableError as error:
            return str(error)
        answer = self.users.login(values)
        if answer.accepted is None:
            raise UnavailableError(answer.what)
        return "" if answer.accepted else answer.what

    def _there(self) -> dict[str, tuple[int, int]]:
        try:
            return Admin(self.brokers.reader()).topics()
        except PlatformError as error:
            raise UnavailableError(str(error)) from error
