"""The brokers as they are reached from where procedures run.

`KAFKA_BOOTSTRAP_SERVERS` says where, if they are not under the names that pods use (a listener for outside, a tunnel).
Whom to trust and how to log in is what the pods have: the copy of the cluster's authority, and users' Secrets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from torghut.config import ConfigError, KafkaSettings, load
from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.errors import PlatformError
from torghut.platform.files import make_private_directory, write_atomically
from torghut.platform.kafka.acls import username
from torghut.runbooks.kafka_ports import Login
from torghut.targets.kafka_clients import log_in
from torghut.targets.kubernetes.names import AUTHORITY
from torghut.targets.kubernetes.place import Place
from torghut.targets.kubernetes.reflection import Reflection
from torghut.wire.topics import Role

SERVERS: Final = "KAFKA_BOOTSTRAP_SERVERS"


@dataclass(frozen=True)
class Brokers:
    """Those of an installation. `environment` is that of the process."""

    place: Place
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def servers(self) -> str:
        """`host:port[,host:port]`.

        Raises:
            RefusedError: nobody says where they are.
        """
        found = self.environment.get(SERVERS) or self.place.options().get(SERVERS)
        if not found:
            raise RefusedError(f"{SERVERS} is neither set nor in the installation's options: set it")
        return found

    def truststore(self) -> Path:
        """A file with the authority that the pods trust.

        Raises:
            UnavailableError: there is none, or no file can be written.
        """
        reflection = Reflection(self.place, AUTHORITY)
        authority = reflection.copied().get("ca.crt")
        if not authority:
            raise UnavailableError(f"{reflection.copy} has no ca.crt: nobody can trust the brokers yet")
        where = f"{self.place.access.context}-{self.place.namespace}".replace("/", "_")
        path = self.place.home.root / "kubernetes" / where / "ca.crt"
        try:
            make_private_directory(path.parent)
            write_atomically(path, authority.encode())
        except PlatformError as error:
            raise UnavailableError(str(error)) from error
        return path

    def client(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Settings of librdkafka for who logs in with these values (`username`, `password`).

        Raises:
            RefusedError: the environment's settings of Kafka do not fit.
        """
        given = {
            SERVERS: self.servers,
            "KAFKA_CA_FILE": str(self.truststore()),
            "KAFKA_USERNAME": values["username"],
            "KAFKA_PASSWORD": values["password"],
        }
        try:
            return load(KafkaSettings, given).client()
        except ConfigError as error:
            raise RefusedError(str(error)) from error

    def reader(self) -> dict[str, Any]:
        """The same, as the user who may read everything and change nothing.

        Raises:
            UnavailableError: its Secret is not there.
        """
        reflection = Reflection(self.place, username(Role.AUDIT))
        password = reflection.copied().get("password")
        if not password:
            raise UnavailableError(f"{reflection.copy} has no password: nobody can read the topics")
        return self.client({"username": reflection.name, "password": password})

    def login(self, values: Mapping[str, str]) -> Login:
        """A fresh login with these values."""
        return log_in(self.client(values), values)
