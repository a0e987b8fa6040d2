from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from torghut.platform.kafka.authority import FIRST, UNKNOWN, Authorities
from torghut.platform.kafka.certificates import CertificateFiles, ensure_certificates, issue
from torghut.platform.kafka.probe import parse_servers, try_tls, try_way


@contextmanager
def server(store: Path) -> Iterator[int]:
    """A TLS server with this key store, on a port of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(store)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return ensure_certificates(tmp_path_factory.mktemp("tls"))


def test_a_valid_certificate_of_the_trusted_authority_is_fine(files: CertificateFiles) -> None:
    with server(files.broker_store) as port:
        assert try_tls("127.0.0.1", port, files.truststore) is None


def test_an_expired_certificate_is_recognised(files: CertificateFiles, tmp_path: Path) -> None:
    key, certificate = issue(files, datetime.now(UTC) - timedelta(days=400))
    (tmp_path / "store.pem").write_bytes(key + certificate)
    with server(tmp_path / "store.pem") as port:
        trouble = try_tls("127.0.0.1", port, files.truststore)
    assert trouble is not None
    assert trouble.kind == "tls-expired"


def test_another_authority_is_recognised(files: CertificateFiles, tmp_path: Path) -> None:
    with server(files.broker_store) as port:
        trouble = try_tls("127.0.0.1", port, ensure_certificates(tmp_path / "other").ca)
    assert trouble is not None
    assert trouble.kind == "tls-unknown-ca"


def test_a_certificate_for_another_host_is_recognised(files: CertificateFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda where, *rest: connect(("127.0.0.1", where[1]), *rest))
    with server(files.broker_store) as port:
        trouble = try_tls("broker.example", port, files.truststore)
    assert trouble is not None
    assert trouble.kind == "tls-wrong-host"


def test_a_truststore_that_is_not_there_is_a_tls_trouble(tmp_path: Path) -> None:
    trouble = try_tls("127.0.0.1", 1, tmp_path / "none.pem")
    assert trouble is not None
    assert trouble.kind == "tls"


def test_a_port_that_nobody_listens_on_is_told_from_a_name_that_nobody_knows() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = int(unused.getsockname()[1])
    connect, name = try_way("127.0.0.1", port), try_way("no-such-host.invalid", port)
    assert connect is not None
    assert name is not None
    assert (connect.kind, name.kind) == ("connect", "name")


def test_servers_are_pairs_of_host_and_port() -> None:
    assert parse_servers("a:1, b:2,") == (("a", 1), ("b", 2))


def test_the_served_authority_is_seen_by_a_handshake_and_the_trusted_ones_in_the_file(tmp_path: Path) -> None:
    authorities = Authorities(ensure_certificates(tmp_path))
    authorities.make("1")
    authorities.trust((FIRST, "1"))
    with server(authorities.files("1").broker_store) as port:
        assert authorities.serving("127.0.0.1", port) == "1"
    assert (authorities.trusted(), authorities.generations()) == ((FIRST, "1"), (FIRST, "1"))
    authorities.base.truststore.write_bytes(ensure_certificates(tmp_path / "stranger").ca.read_bytes())
    assert authorities.trusted() == (UNKNOWN,)
