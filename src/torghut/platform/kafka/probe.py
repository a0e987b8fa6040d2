"""The way of a client to Kafka, each stretch tried on its own: name, TCP, TLS, login.

What librdkafka reports as one broken connection has a different cause on each stretch; here each is seen by itself.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from torghut.platform.waiting import Deadline

_TIMEOUT_S: Final = 5.0
_LOGIN_S: Final = 10.0
_EXPIRED: Final = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (openssl-verify)
_UNKNOWN_CA: Final = {7, 18, 19, 20, 21}  # signature failure, self-signed, issuer not found or not verified
_WRONG_HOST: Final = {62, 64}  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


@dataclass(frozen=True)
class Trouble:
    """A stretch that does not work: `kind` in a word, and what was seen."""

    kind: str
    evidence: str


def parse_servers(servers: str) -> tuple[tuple[str, int], ...]:
    """`host:port[,host:port]`."""
    parts = (server.strip().rpartition(":") for server in servers.split(",") if server.strip())
    return tuple((host, int(port)) for host, _, port in parts)


def try_way(host: str, port: int) -> Trouble | None:
    """Resolve and connect: kinds `name` and `connect`."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Trouble("name", f"{host} does not resolve ({error.strerror or error})")
    try:
        with socket.create_connection((str(addresses[0][4][0]), port), _TIMEOUT_S):
            return None
    except OSError as error:
        return Trouble("connect", f"{host}:{port} does not accept a connection ({error.strerror or error})")


def try_tls(host: str, port: int, ca_file: Path) -> Trouble | None:
    """A handshake against the truststore: kinds `tls-expired`, `tls-unknown-ca`, `tls-wrong-host`, `tls`."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
        with (
            socket.create_connection((host, port), _TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return Trouble(_kind(error.verify_code), f"{host}:{port}: {error.verify_message}")
    except ssl.SSLError as error:
        return Trouble("tls", f"{host}:{port}: {error.reason or error}")
    except OSError as error:
        return Trouble("tls", f"{host}:{port}: {error.strerror or error} (truststore {ca_file.name})")


def _kind(code: int) -> str:
    known = ((_EXPIRED, "tls-expired"), (_UNKNOWN_CA, "tls-unknown-ca"), (_WRONG_HOST, "tls-wrong-host"))
    return next((kind for codes, kind in known if code in codes), "tls")


def try_login(client: Mapping[str, Any]) -> Trouble | None:
    """A fresh login with librdkafka's settings: kind `login` when it was refused, `unreachable` without an answer."""
    seen: list[KafkaError] = []
    settings: dict[str, Any] = {**client, "error_cb": seen.append, "log_level": 0, "socket.timeout.ms": 5000}
    admin = AdminClient(settings)
    deadline, last = Deadline.after(_LOGIN_S), "no answer"
    while not deadline.expired:
        try:
            admin.list_topics(timeout=1.0)
        except KafkaException as error:
            last = str(error.args[0].str())
            admin.poll(0.2)  # serves the errors of the connection: without it a refused login is a mere time-out
            if refused := [e for e in seen if e.code() == KafkaError._AUTHENTICATION]:  # noqa: SLF001 - librdkafka's local code
                return Trouble("login", refused[-1].str())
        else:
            return None
    return Trouble("unreachable", last)
