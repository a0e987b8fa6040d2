from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from torghut.platform.kafka.certificates import CertificateFiles, ensure_certificates

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_broker_is_certified_by_our_authority_for_this_machine(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path, NOW)
    broker = _load(files.broker)
    broker.verify_directly_issued_by(_load(files.ca))
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.IPv4Address("127.0.0.1")]


def test_the_broker_s_certificate_cannot_sign_others(tmp_path: Path) -> None:
    broker = _load(ensure_certificates(tmp_path, NOW).broker)
    assert not broker.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_keys_are_private(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path, NOW)
    assert {path.stat().st_mode & 0o777 for path in (files.ca_key, files.broker_key, files.broker_store)} == {0o600}


def test_certificates_that_hold_are_kept(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path, NOW)
    before = [path.read_bytes() for path in (files.ca, files.broker, files.broker_store)]
    ensure_certificates(tmp_path, NOW + timedelta(days=300))
    assert [path.read_bytes() for path in (files.ca, files.broker, files.broker_store)] == before


def test_the_broker_s_certificate_is_renewed_before_its_end_and_clients_need_nothing_new(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path, NOW)
    authority, broker = files.ca.read_bytes(), files.broker.read_bytes()
    ensure_certificates(tmp_path, NOW + timedelta(days=380))
    assert files.ca.read_bytes() == authority
    assert files.broker.read_bytes() != broker
    assert files.broker_store.read_bytes().endswith(files.broker.read_bytes())


def test_a_new_authority_certifies_the_broker_anew(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path, NOW)
    files.ca.unlink()
    ensure_certificates(tmp_path, NOW)
    _load(files.broker).verify_directly_issued_by(_load(files.ca))


def test_a_damaged_key_is_made_anew(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    ensure_certificates(tmp_path, NOW)
    files.broker_key.write_bytes(b"half a ke")
    ensure_certificates(tmp_path, NOW)
    assert files.broker_key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
