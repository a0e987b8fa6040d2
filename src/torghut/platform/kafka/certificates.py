"""An authority of our own and the certificate of what it vouches for: the local stack's broker.

Made at first start and renewed before they expire. The broker's certificate is also its identity towards itself: the
internal and the controller listener take nothing else, so no password stands in the broker's configuration.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from torghut.platform.files import PRIVATE, make_private_directory, write_atomically

BROKER_NAME: Final = "torghut-broker"
BROKER_PRINCIPAL: Final = f"User:CN={BROKER_NAME}"
_CA_LIFE: Final = timedelta(days=3650)
_BROKER_LIFE: Final = timedelta(days=397)
_RENEW_BEFORE: Final = timedelta(days=30)
_LOCAL: Final = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class CertificateFiles:
    """Where the PEM files stand, below `directory`."""

    directory: Path

    @property
    def ca(self) -> Path:
        """The authority: what the broker itself trusts."""
        return self.directory / "ca.pem"

    @property
    def truststore(self) -> Path:
        """What clients trust: a copy of the authority, and during its rotation the old one and the new one."""
        return self.directory / "clients-ca.pem"

    @property
    def ca_key(self) -> Path:
        """The authority's key (0600)."""
        return self.directory / "ca.key"

    @property
    def broker(self) -> Path:
        """The broker's certificate."""
        return self.directory / "broker.pem"

    @property
    def broker_key(self) -> Path:
        """The broker's key (0600)."""
        return self.directory / "broker.key"

    @property
    def broker_store(self) -> Path:
        """Key and certificate in one file, Kafka's PEM key store (0600)."""
        return self.directory / "broker-store.pem"


def ensure_certificates(directory: Path, now: datetime | None = None, hosts: tuple[str, ...] = ()) -> CertificateFiles:
    """The files, made or renewed where missing, unreadable or within 30 days of their end.

    The certificate is good for this machine's loopback and for `hosts`, names or IPv4 addresses.

    Raises:
        StorageError: the directory cannot be written.
    """
    moment = now or datetime.now(UTC)
    files = CertificateFiles(make_private_directory(directory))
    if not _holds(files.ca, files.ca_key, moment):
        _write_authority(files, moment)
        files.broker.unlink(missing_ok=True)
        files.truststore.unlink(missing_ok=True)
    if not files.truststore.is_file():
        write_atomically(files.truststore, files.ca.read_bytes())
    if not (_holds(files.broker, files.broker_key, moment) and files.broker_store.is_file()):
        _write_broker(files, moment, hosts)
    return files


def _holds(certificate: Path, key: Path, now: datetime) -> bool:
    try:
        end = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
        serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError):
        return False
    return now + _RENEW_BEFORE < end


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ a little
        .not_valid_after(now + life)
    )


def _write_authority(files: CertificateFiles, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("torghut local authority")
    certificate = (
        _builder(name, name, key.public_key(), now, _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_atomically(files.ca_key, _pem(key), PRIVATE)
    write_atomically(files.ca, certificate.public_bytes(serialization.Encoding.PEM))


def _write_broker(files: CertificateFiles, now: datetime, hosts: tuple[str, ...]) -> None:
    key, certificate = issue(files, now, hosts)
    write_atomically(files.broker_key, key, PRIVATE)
    write_atomically(files.broker, certificate)
    write_atomically(files.broker_store, key + certificate, PRIVATE)


def issue(files: CertificateFiles, now: datetime, hosts: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
    """A new key and certificate for the broker by the authority, as if it were `now`: PEM, for the caller to keep."""
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    authority_key = serialization.load_pem_private_key(files.ca_key.read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{files.ca_key} holds no elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(BROKER_NAME), authority.subject, key.public_key(), now, _BROKER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in (*_LOCAL, *hosts)]), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.IPv4Address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
