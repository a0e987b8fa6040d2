"""Kafka, and the task that brings its topics, users and permissions to what they must be."""

from __future__ import annotations

import sys
from pathlib import Path

from torghut.platform.files import PRIVATE, make_private_directory, make_secret, write_atomically
from torghut.platform.kafka.acls import ADMIN, username
from torghut.platform.kafka.broker import Broker, BrokerPorts
from torghut.platform.kafka.certificates import CertificateFiles, ensure_certificates
from torghut.platform.ports import LOOPBACK
from torghut.stack.context import Context
from torghut.stack.document import KafkaEndpoint, KafkaUser
from torghut.stack.home import Home
from torghut.stack.service import Service, TlsProbe
from torghut.wire.topics import Role

PORTS = ("kafka.clients", "kafka.internal", "kafka.controller")
USERS = {ADMIN: ADMIN, **{role.value: username(role) for role in Role}}
"""Role to Kafka user, in a fresh stack."""
_NAME = ".name"


def broker(context: Context) -> Broker:
    """The stack's broker."""
    clients, internal, controller = (context.ports.port(name) for name in PORTS)
    return Broker(
        directory=context.home.data / "kafka",
        jars=context.jars,
        java=context.java,
        certificates=CertificateFiles(context.home.secrets / "kafka"),
        ports=BrokerPorts(clients, internal, controller),
    )


def services(context: Context) -> tuple[Service, ...]:
    """The broker, and after it the provisioning task."""
    it = broker(context)

    def prepare() -> None:
        ensure_certificates(it.certificates.directory)
        for role in USERS:
            make_secret(Path(password_file(context.home, role)))
        it.prepare()

    run = Service(
        name="kafka",
        command=it.command,
        environment={},
        probe=TlsProbe(it.ports.clients, it.certificates.truststore),
        ports=context.named_ports(*PORTS),
        grace_s=20.0,
        prepare=prepare,
    )
    provision = Service(
        name="provision",
        command=(sys.executable, "-m", "torghut.stack.provision", str(context.home.root)),
        environment={"TOPIC_PREFIX": context.settings.topic_prefix},
        probe=None,
        depends_on=("kafka",),
        once=True,
    )
    return run, provision


def password_file(home: Home, role: str) -> str:
    """Where the password of a role's user stands (0600)."""
    return str(home.secrets / "kafka" / "users" / role)


def username_file(home: Home, role: str) -> Path:
    """Where the name of a role's user stands: beside the password, since a rotation may change both."""
    return Path(f"{password_file(home, role)}{_NAME}")


def name_users(home: Home) -> None:
    """Write the names that are not there: a fresh stack's."""
    for role, user in USERS.items():
        file = username_file(home, role)
        if not file.is_file():
            make_private_directory(file.parent)
            write_atomically(file, f"{user}\n".encode(), PRIVATE)


def users(home: Home) -> dict[str, str]:
    """Role to the user that has it now."""
    return {role: _read(username_file(home, role)) or user for role, user in USERS.items()}


def _read(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""


def endpoint(context: Context) -> KafkaEndpoint:
    """Where clients connect, and as whom."""
    return KafkaEndpoint(
        bootstrap_servers=f"{LOOPBACK}:{context.ports.port('kafka.clients')}",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        ca_file=str(CertificateFiles(context.home.secrets / "kafka").truststore),
        users={role: KafkaUser(user, password_file(context.home, role)) for role, user in users(context.home).items()},
    )


def client_environment(kafka: KafkaEndpoint, role: str, topic_prefix: str) -> dict[str, str]:
    """The environment variables with which a program connects as `role`."""
    user = kafka.users[role]
    name_file = Path(f"{user.password_file}{_NAME}")
    # By file where there is one: a changed name is then found as a changed password is, and alone restarts nothing.
    name = ("KAFKA_USERNAME_FILE", str(name_file)) if name_file.is_file() else ("KAFKA_USERNAME", user.username)
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": kafka.security_protocol,
        "KAFKA_SASL_MECHANISM": kafka.sasl_mechanism,
        name[0]: name[1],
        "KAFKA_PASSWORD_FILE": user.password_file,
        "KAFKA_CA_FILE": kafka.ca_file,
        "TOPIC_PREFIX": topic_prefix,
    }
