"""Kafka of the local stack: its users, and the way of the forwarder's records to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Final

from torghut.config import ConfigError, KafkaSettings, load
from torghut.ops.errors import UnavailableError
from torghut.platform.errors import PlatformError
from torghut.platform.kafka.acls import Acl, acls_of
from torghut.platform.kafka.admin import Admin
from torghut.platform.kafka.probe import try_tls, try_way
from torghut.runbooks.kafka_ports import Cause, Found, Login
from torghut.runbooks.ports import Change
from torghut.stack.document import KafkaEndpoint, StackDocument, running_document
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.provision import admin_of
from torghut.stack.running import RunningStack
from torghut.targets.kafka_clients import each_broker, judge, log_in, read_since, words
from torghut.targets.local.quota import LocalQuota
from torghut.targets.local.secrets import LocalSecrets
from torghut.wire.topics import TOPICS, Role, full_name

_LEAST_FREE: Final = 64 * 1024 * 1024


@contextmanager
def asking() -> Iterator[None]:
    """Turn what the platform raises into the errors of procedures."""
    try:
        yield
    except (PlatformError, StackError, ConfigError, TimeoutError) as error:
        raise UnavailableError(str(error)) from error


def role_acls(home: Home, role: str, user: str) -> tuple[Acl, ...]:
    """What the role must be allowed in this stack."""
    document = running_document(home)
    return acls_of(Role(role), user, document.topic_prefix if document else "")


@dataclass(frozen=True)
class LocalKafkaUsers:
    """Users of the stack's broker."""

    home: Home
    secrets: LocalSecrets

    def name(self, role: str) -> str:
        """The user that the role's Secret names."""
        return self.secrets.read(f"kafka.{role}")["username"]

    def exists(self, user: str) -> bool:
        """Whether the broker knows the user."""
        with asking():
            return user in self._admin().users()

    def put(self, user: str, password: str, role: str, change: Change) -> None:  # noqa: ARG002 - users are no part of the desired state's file here
        """Make the user with this password and the role's permissions."""
        with asking():
            admin = self._admin()
            admin.set_passwords({user: password})
            admin.allow(role_acls(self.home, role, user))

    def permitted(self, user: str, role: str) -> tuple[str, ...]:
        """What the role needs and the user lacks."""
        with asking():
            return tuple(map(words, self._admin().lacking(role_acls(self.home, role, user))))

    def remove(self, user: str, change: Change) -> None:  # noqa: ARG002 - as above
        """Delete the user and its permissions."""
        with asking():
            admin = self._admin()
            admin.remove_user(user)
            admin.forget_permissions(user)

    def login(self, values: Mapping[str, str]) -> Login:
        """A fresh login with these values."""
        with asking():
            environment = RunningStack(self.home).environment("audit")
            client = load(KafkaSettings, environment).client()
        return log_in(client, values)

    def _admin(self) -> Admin:
        return admin_of(self.home)


@dataclass(frozen=True)
class LocalKafkaProbe:
    """The stretches of the way, on this machine."""

    home: Home
    secrets: LocalSecrets
    users: LocalKafkaUsers

    def way(self) -> tuple[Found, ...]:
        """Name and TCP."""
        return each_broker(self._endpoint().bootstrap_servers, try_way)

    def certificate(self) -> tuple[Found, ...]:
        """TLS against the clients' truststore."""
        ca = Path(self._endpoint().ca_file)
        return each_broker(self._endpoint().bootstrap_servers, lambda host, port: try_tls(host, port, ca))

    def login(self, role: str) -> tuple[Found, ...]:
        """A fresh login; if refused, why: the Secret is another than its source, no such user, a wrong password."""
        name = f"kafka.{role}"
        values = self.secrets.read(name)
        answer = self.users.login(values)
        if answer.accepted:
            return ()
        if answer.accepted is None:
            raise UnavailableError(answer.what)
        desired, live = self.secrets.desired(name), self.secrets.live(name)
        if desired and desired != live:
            said = f"secret {name} in force is {live}, its source {desired}; {answer.what}"
            return (Found(Cause.COPY, said, values["username"]),)
        if not self.users.exists(values["username"]):
            return (Found(Cause.USER, f"the broker has no user {values['username']}", values["username"]),)
        return (Found(Cause.PASSWORD, answer.what, values["username"]),)

    def permissions(self, role: str) -> tuple[Found, ...]:
        """What lacks."""
        user = self.users.name(role)
        return tuple(Found(Cause.ACL, f"{user} may not {words}", words) for words in self.users.permitted(user, role))

    def topics(self) -> tuple[Found, ...]:
        """Missing ones, those with too few replicas in sync, those that take no large record."""
        prefix = self._document().topic_prefix
        wanted = [full_name(topic, prefix) for topic in TOPICS]
        with asking():
            admin = admin_of(self.home)
            there = admin.topics()
            settings = admin.topic_settings([name for name in wanted if name in there])
        missing = [Found(Cause.TOPIC_MISSING, f"{name} is not there", name) for name in wanted if name not in there]
        judged = (
            judge(name, there[name], int(found["min.insync.replicas"]), int(found["max.message.bytes"]))
            for name, found in settings.items()
        )
        return (*missing, *(found for found in judged if found is not None))

    def written(self, role: str, since_ns: int) -> int:
        """Read, as the audit's user, a few records of each partition that the role wrote since then."""
        with asking():
            kafka = RunningStack(self.home).kafka("audit")
            names = [full_name(topic, kafka.topic_prefix) for topic in TOPICS if topic.writer.value == role]
            return read_since(kafka.client(), names, since_ns)

    def space(self) -> tuple[Found, ...]:
        """Quotas on the forwarder's user; the disk is this machine's, and full when the broker says so in its log."""
        user = self.users.name(Role.FORWARDER.value)
        limits = LocalQuota(self.home).limits(user)
        found = [Found(Cause.QUOTA, f"{user} is limited: {limits}", user)] if limits else []
        return (*found, *_full_disk(self.home))

    def _document(self) -> StackDocument:
        document = running_document(self.home)
        if document is None:
            raise UnavailableError(f"no stack runs in {self.home.root}: start it with `torghut up`")
        return document

    def _endpoint(self) -> KafkaEndpoint:
        return self._document().kafka


def _full_disk(home: Home) -> tuple[Found, ...]:
    free = disk_usage(home.data).free
    return () if free >= _LEAST_FREE else (Found(Cause.DISK, f"{home.data} has {free:,} bytes left", str(home.data)),)
