"""A service as a value: how a process is started, and how one sees that it is ready.

Two services that are equal need no restart; one whose command, environment or ports changed does.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec

from torghut.platform.ports import LOOPBACK

_PROBE_TIMEOUT_S: Final = 1.0


class Answer(NamedTuple):
    """Is it ready, and if not, why."""

    ready: bool
    reason: str


class Probe(Protocol):
    """Asks a process whether it is ready; answers within about a second."""

    def ask(self) -> Answer:
        """The answer of now."""
        ...


@dataclass(frozen=True)
class TlsProbe:
    """Ready when a TLS handshake succeeds and the certificate is ours. Kafka opens its port when it can serve."""

    port: int
    ca_file: Path

    def ask(self) -> Answer:
        """The answer of now."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            with (
                socket.create_connection((LOOPBACK, self.port), _PROBE_TIMEOUT_S) as plain,
                context.wrap_socket(plain, server_hostname=LOOPBACK),
            ):
                return Answer(True, "ok")
        except OSError as error:
            return Answer(False, f"port {self.port}: {error.strerror or error}")


class _Readiness(msgspec.Struct):
    reason: str = "no reason given"


@dataclass(frozen=True)
class HttpProbe:
    """Ready when `url` answers 200, or 503 with a reason of `also_ready` (a standby is as ready as it should be)."""

    url: str
    also_ready: tuple[str, ...] = ()

    def ask(self) -> Answer:
        """The answer of now."""
        try:
            status, body = _get(self.url)
        except (OSError, HTTPException) as error:
            return Answer(False, f"{self.url}: {error or type(error).__name__}")
        if status == HTTPStatus.OK:
            return Answer(True, "ok")
        try:
            reason = msgspec.json.decode(body, type=_Readiness).reason
        except msgspec.DecodeError:
            reason = f"HTTP {status}"
        return Answer(reason in self.also_ready, reason)


def _get(url: str) -> tuple[int, bytes]:
    """Status and body. Several of these a second for as long as the stack lives: no TLS, no pool, no proxy."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@dataclass(frozen=True)
class Service:
    """One process of the stack.

    `depends_on` must have been ready once before this is started for the first time. `once` marks a task: it is ready
    when it ended with 0, and is not run again. `prepare` runs before every start. `grace_s` is how long it may take to
    leave after SIGTERM. `explain` finds out why the process ended by itself; None where that says nothing.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    probe: Probe | None
    depends_on: tuple[str, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    once: bool = False
    grace_s: float = 10.0
    prepare: Callable[[], None] | None = field(default=None, compare=False)
    explain: Callable[[], str | None] | None = field(default=None, compare=False)
