"""A broker of one node (KRaft, broker and controller in one process), by default on this machine's loopback only.

Three listeners: CLIENTS for everybody (TLS and SCRAM-SHA-512), INTERNAL and CONTROLLER for the broker itself, which
take only its own certificate. What is not allowed by an ACL is denied. The configuration holds no password.
"""

from __future__ import annotations

import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from torghut.platform.errors import KafkaError
from torghut.platform.files import PRIVATE, write_atomically
from torghut.platform.kafka.acls import ADMIN
from torghut.platform.kafka.certificates import BROKER_PRINCIPAL, CertificateFiles
from torghut.platform.ports import LOOPBACK

_FORMAT_DEADLINE_S: Final = 120.0


@dataclass(frozen=True)
class BrokerPorts:
    """A TCP port for each listener."""

    clients: int
    internal: int
    controller: int


@dataclass(frozen=True)
class Broker:
    """A broker's places: the directory that it owns, its jars and Java, certificates and ports.

    `host` is the address that clients come to; the broker's own listeners stay on the loopback.
    """

    directory: Path
    jars: Path
    java: Path
    certificates: CertificateFiles
    ports: BrokerPorts
    host: str = LOOPBACK

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect."""
        return f"{self.host}:{self.ports.clients}"

    @property
    def properties_file(self) -> Path:
        """The broker's configuration."""
        return self.directory / "server.properties"

    @property
    def command(self) -> tuple[str, ...]:
        """The foreground process.

        The heap is small: brokers live in the page cache. The second compiler took 40 % of all the time that the broker
        used in its first four minutes, on a machine that has two cores for all; what it gains comes later.
        """
        return (
            *self._jvm("-Xms96m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError", "-XX:MaxDirectMemorySize=128m"),
            *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
            "kafka.Kafka",
            str(self.properties_file),
        )

    def prepare(self) -> None:
        """Write the configuration; at first, also format the storage.

        Raises:
            KafkaError: the storage could not be formatted.
            StorageError: the directory cannot be written.
        """
        write_atomically(self.properties_file, render(self._properties()), PRIVATE)
        write_atomically(self.directory / "log4j2.properties", render(_LOGGING))
        if not (self.directory / "storage" / "meta.properties").is_file():
            self._format()

    def _format(self) -> None:
        command = [
            *self._jvm("-Xmx128m"),
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            f"--cluster-id={_cluster_id()}",  # one argument: an id may begin with a dash
            "--config",
            str(self.properties_file),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FORMAT_DEADLINE_S)
        if done.returncode != 0:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
            raise KafkaError(
                f"the broker's storage {self.directory} could not be formatted ({last[0][:300]}): free some disk "
                "space, or remove that directory to start empty"
            )

    def _jvm(self, *options: str) -> tuple[str, ...]:
        return (
            str(self.java),
            *options,
            "-XX:-UsePerfData",  # no file in /tmp that other users can see
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={self.directory / 'log4j2.properties'}",
            "-cp",
            f"{self.jars}/*",
        )

    def _properties(self) -> dict[str, str]:
        ports = self.ports
        listeners = {"CLIENTS": ports.clients, "INTERNAL": ports.internal, "CONTROLLER": ports.controller}
        hosts = dict.fromkeys(listeners, LOOPBACK) | {"CLIENTS": self.host}
        addresses = {name: f"{name}://{hosts[name]}:{port}" for name, port in listeners.items()}
        return {
            **_FIXED,
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": f"{addresses['CLIENTS']},{addresses['INTERNAL']}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{ports.controller}",
            "log.dirs": str(self.directory / "storage"),
            "ssl.keystore.location": str(self.certificates.broker_store),
            "ssl.truststore.location": str(self.certificates.ca),
        }


def internal_connection(port: int, certificates: CertificateFiles) -> dict[str, Any]:
    """Client configuration (of librdkafka) for an administrator who holds the broker's own certificate."""
    return {
        "bootstrap.servers": f"{LOOPBACK}:{port}",
        "security.protocol": "SSL",
        "ssl.ca.location": str(certificates.ca),
        "ssl.certificate.location": str(certificates.broker),
        "ssl.key.location": str(certificates.broker_key),
    }


def _cluster_id() -> str:
    """16 random bytes in URL-safe base64, as Kafka wants them."""
    return urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")


def render(properties: Mapping[str, str]) -> bytes:
    """Java properties, one a line; backslashes are escaped as the format asks."""
    escaped = (f"{key}={value}".replace("\\", "\\\\") for key, value in properties.items())
    return ("\n".join(escaped) + "\n").encode()


_FIXED: Final = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "listener.security.protocol.map": "CLIENTS:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.clients.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "listener.name.internal.ssl.client.auth": "required",
    "listener.name.controller.ssl.client.auth": "required",
    "ssl.keystore.type": "PEM",
    "ssl.truststore.type": "PEM",
    # A changed password bounds old connections, too; at 10 minutes a drill can wait for it and nobody notices.
    "connections.max.reauth.ms": "600000",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": f"{BROKER_PRINCIPAL};User:{ADMIN}",
    # A broker without a snapshot reads its metadata from the first record on, and Kafka (4.2) then forgets every SCRAM
    # user when the first that it looks at was removed since (`ScramDelta.apply`). With users in a snapshot it does not.
    "metadata.log.max.snapshot.interval.ms": "10000",
    "auto.create.topics.enable": "false",
    # One node: one replica of everything, few partitions of the internal topics (each costs files and memory).
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.max.timeout.ms": "900000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.segment.bytes": "134217728",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "controlled.shutdown.enable": "false",
}

_LOGGING: Final = {
    "appender.console.type": "Console",
    "appender.console.name": "console",
    "appender.console.layout.type": "PatternLayout",
    "appender.console.layout.pattern": "%d{ISO8601} %-5p %c{1}: %m%n",
    "rootLogger.level": "INFO",
    "rootLogger.appenderRef.console.ref": "console",
    # Each request of a client that is not allowed would be a line of its own at INFO.
    "logger.config.name": "org.apache.kafka.common.config.AbstractConfig",
    "logger.config.level": "WARN",
    "logger.producer.name": "org.apache.kafka.clients",
    "logger.producer.level": "WARN",
}
