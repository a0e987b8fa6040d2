"""A stand-in for Strimzi's topic and user operators and for reflector, which are in no registry that can be reached.

What it does follows their documentation. It makes the topics of KafkaTopics and the users and permissions of
KafkaUsers in one broker, and takes away those of KafkaUsers that went. A user's password is the one that it is given by
`valueFrom`; else it is made once and kept, and made anew when its Secret's is emptied or gone. Whatever changed (a
resource, an annotation of it) is made so at once, a changed password in a Secret that it is given by only every two
minutes, as anything else. A Secret's `reflection-auto-namespaces` get a copy, which follows the source's version and is
made anew when the version that it names is emptied. Everything else of Strimzi and reflector is not here.
"""

from __future__ import annotations

import base64
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.error import KafkaError as Code

from drills.cluster.kafka import PORTS, SERVICE, certificates
from drills.cluster.places import NODE_ADDRESS, Places
from torghut.platform.errors import PlatformError
from torghut.platform.kafka.acls import Acl
from torghut.platform.kafka.admin import Admin
from torghut.platform.kafka.broker import internal_connection
from torghut.platform.kubernetes.access import log_in
from torghut.platform.kubernetes.api import ENDPOINTS, KAFKA_TOPIC, KAFKA_USER, SECRET, Api, Ref
from torghut.platform.kubernetes.api import SERVICE as SERVICE_KIND
from torghut.platform.kubernetes.objects import Secret
from torghut.platform.kubernetes.strimzi import KafkaTopic, KafkaUser
from torghut.platform.waiting import wait_until

NAMESPACE: Final = "kafka"
CLIENTS: Final = "torghut"
AUTHORITY: Final = "torghut-cluster-ca-cert"
_REFLECTOR: Final = "reflector.v1.k8s.emberstack.com"
_AUTO: Final = f"{_REFLECTOR}/reflection-auto-namespaces"
_REFLECTS: Final = f"{_REFLECTOR}/reflects"
_VERSION: Final = f"{_REFLECTOR}/reflected-version"
_KIND: Final = "strimzi.io/kind"
_EVERY_S: Final = 2.0
_EVERYTHING_S: Final = 120.0
"""Strimzi's `STRIMZI_FULL_RECONCILIATION_INTERVAL_MS`."""
_FOR_EVER_S: Final = 10 * 365 * 86_400.0


class _NotReadyError(Exception):
    """A KafkaUser asks for what is not there; its condition says so."""


def _text(value: object) -> str:
    """A setting as Kafka writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class StandIn:
    """One broker and one API server, brought together again and again."""

    def __init__(self, api: Api, admin: Admin, client: AdminClient, authority: str) -> None:
        self._api = api
        self._admin = admin
        self._client = client
        self._authority = authority
        self._taken_up: dict[str, tuple[object, ...]] = {}
        self._granted: dict[str, frozenset[Acl]] = {}

    def reconcile(self) -> None:
        """Everything once."""
        self._expose()
        self._topics()
        users = self._api.list(KAFKA_USER, NAMESPACE, KafkaUser)
        for user in users:
            self._user(user)
        self._remove_others({user.metadata.name for user in users})
        self._put(AUTHORITY, {"ca.crt": self._authority}, {_AUTO: CLIENTS}, {})
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
        """One user, when there was an event that the operator watches for, or its time came."""
        name = user.metadata.name
        secret = self._api.find(Ref(SECRET, NAMESPACE, name), Secret)
        event = (user.metadata.generation, user.metadata.annotations, secret and secret.data, self._round())
        if self._taken_up.get(name) == event:
            return
        try:
            password = self._password(user, secret)
        except _NotReadyError as error:
            self._say(user, "NotReady", str(error))
            return
        self._admin.set_passwords({name: password})
        self._grant(name, user.permissions())
        self._keep(user, password, secret)
        self._say(user, "Ready")
        self._taken_up[name] = event

    def _round(self) -> int:
        return int(time.monotonic() // _EVERYTHING_S)

    def _password(self, user: KafkaUser, secret: Secret | None) -> str:
        if (given := user.spec.authentication.password) is not None:
            key = given.value_from.secret_key_ref
            source = self._api.find(Ref(SECRET, NAMESPACE, key.name), Secret)
            if source is None or not source.values().get(key.key):
                raise _NotReadyError(f"Secret {key.name} with password {key.key} is not there")
            return source.values()[key.key]
        return (secret.values().get("password") if secret is not None else "") or secrets.token_urlsafe(24)

    def _grant(self, name: str, wanted: frozenset[Acl]) -> None:
        if surplus := self._granted.get(name, frozenset()) - wanted:
            self._admin.forbid(list(surplus))
        if wanted:
            self._admin.allow(list(wanted))
        self._granted[name] = wanted

    def _keep(self, user: KafkaUser, password: str, secret: Secret | None) -> None:
        """The user's Secret."""
        name = user.metadata.name
        jaas = (
            f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{name}" password="{password}";'
        )
        values = {"password": password, "sasl.jaas.config": jaas}
        if secret is None or secret.values() != values:
            annotations = user.spec.template.secret.metadata.annotations
            self._put(name, values, annotations, {_KIND: "KafkaUser", "strimzi.io/cluster": "torghut"})

    def _say(self, user: KafkaUser, condition: str, message: str = "") -> None:
        name = user.metadata.name
        conditions = [{"type": condition, "status": "True", **({"message": message} if message else {})}]
        status = {"username": name, "secret": name, "conditions": conditions}
        self._api.patch(
            Ref(KAFKA_USER, NAMESPACE, name),
            {"status": {**status, "observedGeneration": user.metadata.generation}},
            "status",
        )

    def _remove_others(self, names: set[str]) -> None:
        """What is left of users whose KafkaUser went."""
        for secret in self._api.list(SECRET, NAMESPACE, Secret, f"{_KIND}=KafkaUser"):
            name = secret.metadata.name
            if name not in names:
                self._admin.remove_user(name)
                self._admin.forget_permissions(name)
                self._taken_up.pop(name, None)
                self._granted.pop(name, None)
                self._api.delete(Ref(SECRET, NAMESPACE, name))

    def _reflect(self) -> None:
        sources = {secret.metadata.name: secret for secret in self._api.list(SECRET, NAMESPACE, Secret)}
        for name, source in sources.items():
            for namespace in filter(None, source.metadata.annotations.get(_AUTO, "").split(",")):
                copy = self._api.find(Ref(SECRET, namespace, name), Secret)
                version = source.metadata.resource_version
                if copy is None or copy.metadata.annotations.get(_VERSION) != version:
                    told = {_REFLECTS: f"{NAMESPACE}/{name}", _VERSION: version}
                    self._put(name, source.values(), told, {}, namespace)
        for copy in self._api.list(SECRET, CLIENTS, Secret):
            namespace, _, name = copy.metadata.annotations.get(_REFLECTS, "").partition("/")
            if namespace == NAMESPACE and name not in sources:
                self._api.delete(Ref(SECRET, CLIENTS, copy.metadata.name))

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
    files = certificates(places)
    connection = internal_connection(PORTS.internal, files)
    standin = StandIn(
        Api(log_in(kubeconfig=places.kubeconfig).client()),
        Admin(connection),
        AdminClient({**connection, "log_level": 0}),
        files.ca.read_text(),
    )
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
