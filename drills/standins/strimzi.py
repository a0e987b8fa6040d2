"""A stand-in for Strimzi's topic and user operators and for reflector, which are in no registry that can be reached.

What it does follows their documentation. It makes the topics of KafkaTopics and the users and permissions of
KafkaUsers in one broker; a user's password is made once and kept, and made anew when its Secret's is emptied or gone.
A Secret's `reflection-auto-namespaces` get a copy. Everything else of Strimzi is not here.
"""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.error import KafkaError as Code

from drills.cluster.kafka import PORTS, SERVICE, certificates
from drills.cluster.places import NODE_ADDRESS, Places
from torghut.platform.errors import PlatformError
from torghut.platform.kafka.acls import Acl, Operation, Resource
from torghut.platform.kafka.admin import Admin
from torghut.platform.kafka.broker import internal_connection
from torghut.platform.kubernetes.access import log_in
from torghut.platform.kubernetes.api import ENDPOINTS, KAFKA_TOPIC, KAFKA_USER, SECRET, Api, Ref
from torghut.platform.kubernetes.api import SERVICE as SERVICE_KIND
from torghut.platform.kubernetes.objects import Metadata, Secret
from torghut.platform.waiting import wait_until

NAMESPACE: Final = "kafka"
AUTHORITY: Final = "torghut-cluster-ca-cert"
_REFLECTOR: Final = "reflector.v1.k8s.emberstack.com"
_AUTO: Final = f"{_REFLECTOR}/reflection-auto-namespaces"
_EVERY_S: Final = 2.0
_FOR_EVER_S: Final = 10 * 365 * 86_400.0
_RESOURCES: Final = {"topic": Resource.TOPIC, "group": Resource.GROUP, "transactionalId": Resource.TRANSACTIONAL_ID}


class TopicSpec(msgspec.Struct, frozen=True):
    """What is wanted of a topic."""

    partitions: int
    replicas: int
    config: dict[str, Any] = {}


class KafkaTopic(msgspec.Struct, frozen=True):
    """A topic."""

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
    operations: tuple[str, ...]


class Authorization(msgspec.Struct, frozen=True):
    """A user's permissions."""

    acls: tuple[AclRule, ...] = ()


class SecretTemplate(msgspec.Struct, frozen=True):
    """What a user's Secret gets besides."""

    metadata: Metadata = Metadata()


class Template(msgspec.Struct, frozen=True):
    """What is made for a user."""

    secret: SecretTemplate = SecretTemplate()


class UserSpec(msgspec.Struct, frozen=True):
    """What is wanted of a user."""

    authorization: Authorization = Authorization()
    template: Template = Template()


class KafkaUser(msgspec.Struct, frozen=True):
    """A user."""

    metadata: Metadata
    spec: UserSpec


def permissions(user: KafkaUser) -> list[Acl]:
    """The permissions that a KafkaUser asks for."""
    return [
        Acl(
            user.metadata.name,
            _RESOURCES[rule.resource.type],
            rule.resource.name,
            Operation(operation.lower()),
            prefixed=rule.resource.pattern_type == "prefix",
        )
        for rule in user.spec.authorization.acls
        for operation in rule.operations
    ]


def _text(value: object) -> str:
    """A setting as Kafka writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class StandIn:
    """One broker and one API server, brought together again and again."""

    def __init__(self, api: Api, places: Places) -> None:
        connection = internal_connection(PORTS.internal, certificates(places))
        self._api = api
        self._places = places
        self._admin = Admin(connection)
        self._client = AdminClient({**connection, "log_level": 0})
        self._set: dict[str, str] = {}

    def reconcile(self) -> None:
        """Everything once."""
        self._expose()
        self._topics()
        for user in self._api.list(KAFKA_USER, NAMESPACE, KafkaUser):
            self._user(user)
        self._put(AUTHORITY, {"ca.crt": certificates(self._places).ca.read_text()}, {_AUTO: "torghut"}, {})
        self._reflect()

    def _topics(self) -> None:
        wanted = [
            NewTopic(
                topic.metadata.name,
                topic.spec.partitions,
                topic.spec.replicas,
                config={name: _text(value) for name, value in topic.spec.config.items()},
            )
            for topic in self._api.list(KAFKA_TOPIC, NAMESPACE, KafkaTopic)
        ]
        for future in (self._client.create_topics(wanted) if wanted else {}).values():
            try:
                future.result(30)
            except KafkaException as error:
                if error.args[0].code() != Code.TOPIC_ALREADY_EXISTS:
                    raise

    def _user(self, user: KafkaUser) -> None:
        name = user.metadata.name
        found = self._api.find(Ref(SECRET, NAMESPACE, name), Secret)
        password = (found.values().get("password") if found is not None else "") or secrets.token_urlsafe(24)
        if self._set.get(name) != password:
            self._admin.set_passwords({name: password})
            self._admin.allow(permissions(user))
            self._set[name] = password
        jaas = (
            f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{name}" password="{password}";'
        )
        values = {"password": password, "sasl.jaas.config": jaas}
        if found is None or found.values() != values:
            annotations = user.spec.template.secret.metadata.annotations
            self._put(name, values, annotations, {"strimzi.io/kind": "KafkaUser", "strimzi.io/cluster": "torghut"})
            ready = {"type": "Ready", "status": "True"}
            self._api.patch(
                Ref(KAFKA_USER, NAMESPACE, name),
                {"status": {"username": name, "secret": name, "conditions": [ready]}},
                "status",
            )

    def _reflect(self) -> None:
        for secret in self._api.list(SECRET, NAMESPACE, Secret):
            for namespace in filter(None, secret.metadata.annotations.get(_AUTO, "").split(",")):
                copy = self._api.find(Ref(SECRET, namespace, secret.metadata.name), Secret)
                if copy is None or copy.data != secret.data:
                    reflects = {f"{_REFLECTOR}/reflects": f"{NAMESPACE}/{secret.metadata.name}"}
                    self._put(secret.metadata.name, secret.values(), reflects, {}, namespace)

    def _put(
        self,
        name: str,
        values: dict[str, str],
        annotations: dict[str, str],
        labels: dict[str, str],
        namespace: str = NAMESPACE,
    ) -> None:
        self._api.apply(
            Ref(SECRET, namespace, name),
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace, "annotations": annotations, "labels": labels},
                "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
            },
        )

    def _expose(self) -> None:
        """The broker under the name that clients know."""
        meta = {"name": SERVICE, "namespace": NAMESPACE}
        port = {"name": "tls", "port": PORTS.clients}
        self._api.apply(
            Ref(SERVICE_KIND, NAMESPACE, SERVICE),
            {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [port]}},
        )
        subset = {"addresses": [{"ip": NODE_ADDRESS}], "ports": [port]}
        self._api.apply(
            Ref(ENDPOINTS, NAMESPACE, SERVICE),
            {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": [subset]},
        )


def main(arguments: list[str]) -> int:
    """Go on until told to leave; what goes wrong is told, and tried again."""
    places = Places(Path(arguments[0]))
    standin = StandIn(Api(log_in(kubeconfig=places.kubeconfig).client()), places)
    wait_until(lambda: _once(standin.reconcile), _FOR_EVER_S, "the end", _EVERY_S)
    return 0


def _once(reconcile: Callable[[], None]) -> None:
    try:
        reconcile()
    except (PlatformError, KafkaException) as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
