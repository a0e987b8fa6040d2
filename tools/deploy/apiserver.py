"""A real API server on this machine's loopback, with etcd behind it and nothing else: no controllers, no nodes.

It is what decides about manifests: whether it knows every field, whether pod security and permissions hold. Everything
of it is below one directory and ends with it.
"""

from __future__ import annotations

import os
import secrets
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tools.deploy.documents import Object, write
from tools.deploy.programs import ETCD, kubernetes
from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import PlatformError
from torghut.platform.files import PRIVATE, make_private_directory, write_atomically
from torghut.platform.golang import program_path
from torghut.platform.kafka.certificates import CertificateFiles, ensure_certificates
from torghut.platform.ports import LOOPBACK, free_port
from torghut.platform.processes import Process, end, find_process, spawn
from torghut.platform.waiting import wait_until

READY_DEADLINE_S: Final = 90.0
_KUBECTL_DEADLINE_S: Final = 120.0
_ADMIN: Final = "admin"


class ApiServerError(PlatformError):
    """The API server does not start, or refused what it was shown. The message is its own."""


@dataclass(frozen=True)
class ApiServer:
    """A running one. `directory` holds its certificates and a kubeconfig of an administrator (0600)."""

    directory: Path
    url: str
    certificates: CertificateFiles

    @property
    def kubeconfig(self) -> Path:
        """For kubectl, as administrator."""
        return self.directory / "kubeconfig"

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """What kubectl prints; `given` is its standard input.

        Raises:
            ApiServerError: it failed.
        """
        command = [str(kubernetes(cache_directory(), "kubectl")), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=_KUBECTL_DEADLINE_S
        )
        if done.returncode != 0:
            raise ApiServerError(done.stderr.strip())
        return done.stdout

    def apply(self, objects: list[Object], *, only_show: bool = False) -> str:
        """Apply the objects on the server's side; with `only_show` the server decides, and changes nothing.

        Raises:
            ApiServerError: one of them was refused.
        """
        dry = ("--dry-run=server",) if only_show else ()
        return self.kubectl("apply", "--server-side", "--validate=strict", *dry, "-f", "-", given=write(objects))


@contextmanager
def api_server(directory: Path) -> Iterator[ApiServer]:
    """Run one below `directory` until the block ends.

    Raises:
        ApiServerError: it does not become ready; the logs are below `directory`.
    """
    certificates = ensure_certificates(make_private_directory(directory))
    token, etcd, api = secrets.token_hex(16), free_port(), free_port()
    tokens = directory / "tokens.csv"
    write_atomically(tokens, f'{token},{_ADMIN},{_ADMIN},"system:masters"\n'.encode(), PRIVATE)
    server = ApiServer(directory, f"https://{LOOPBACK}:{api}", certificates)
    write_atomically(server.kubeconfig, kubeconfig(server.url, certificates.ca, _ADMIN, token), PRIVATE)
    # In this order: an API server whose etcd ended first lingers.
    running: list[tuple[subprocess.Popen[bytes], Process | None]] = []
    try:
        store = etcd_command(directory / "etcd", etcd, free_port())
        server_command = apiserver_command(directory, certificates, tokens, (LOOPBACK, api), etcd)
        for command in (store, server_command):
            log = directory / f"{Path(command[0]).name}.log"
            child = spawn(command, {"PATH": os.environ.get("PATH", "")}, log, directory)
            running.append((child, find_process(child.pid)))
        wait_until(
            lambda: _all_alive(running, directory) and is_ready(server.url, certificates.ca, token),
            READY_DEADLINE_S,
            f"the API server (its log is in {directory})",
            0.2,
        )
        yield server
    except TimeoutError as error:
        raise ApiServerError(str(error)) from error
    finally:
        for child, process in reversed(running):
            if process is not None:
                end([process], 15.0)
            child.wait()


def _all_alive(running: list[tuple[subprocess.Popen[bytes], Process | None]], directory: Path) -> bool:
    if any(child.poll() is not None for child, _ in running):
        raise ApiServerError(f"the API server ended before it was ready: its log is in {directory}")
    return True


def is_ready(url: str, authority: Path, token: str) -> bool:
    """Whether the API server says so of itself."""
    trust = ssl.create_default_context(cafile=str(authority))
    try:
        answer = httpx.get(f"{url}/readyz", headers={"Authorization": f"Bearer {token}"}, verify=trust, timeout=5)
    except httpx.HTTPError:
        return False
    return answer.is_success


def kubeconfig(url: str, authority: Path, user: str, token: str) -> bytes:
    """A kubeconfig with one context. Its only secret is the token."""
    cluster = {"server": url, "certificate-authority": str(authority)}
    document: Object = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        "current-context": "local",
    }
    return write([document]).encode()


def etcd_command(data: Path, port: int, peer_port: int) -> list[str]:
    """The store of one API server on the same machine; nothing in `data` outlives the process."""
    client, peer = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{peer_port}"
    return [
        str(program_path(cache_directory(), ETCD)),
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_command(
    directory: Path,
    certificates: CertificateFiles,
    tokens: Path,
    address: tuple[str, int],
    etcd_port: int,
    authorization: str = "RBAC",
) -> list[str]:
    """The API server at an IPv4 address and port, in front of an etcd on the loopback.

    Of two equal options the last one counts.
    """
    host, port = address
    return [
        str(kubernetes(cache_directory(), "kube-apiserver")),
        f"--etcd-servers=http://{LOOPBACK}:{etcd_port}",
        f"--bind-address={host}",
        f"--advertise-address={host}",
        f"--secure-port={port}",
        f"--cert-dir={directory}",
        f"--tls-cert-file={certificates.broker}",
        f"--tls-private-key-file={certificates.broker_key}",
        f"--client-ca-file={certificates.ca}",
        f"--token-auth-file={tokens}",
        f"--authorization-mode={authorization}",
        f"--service-account-issuer=https://{host}",
        f"--service-account-key-file={certificates.broker}",
        f"--service-account-signing-key-file={certificates.broker_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",
    ]
