"""The authority behind the certificate that clients see, in generations, so that it can be rotated without a stop.

Generation 0 is the authority of the broker itself (`certificates`); each later one has a directory beside it. The
broker takes another certificate up while it runs (a dynamic setting of the clients' listener), and the truststore of
the clients can hold two authorities at once.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final

from torghut.platform.files import write_atomically
from torghut.platform.kafka.admin import Admin
from torghut.platform.kafka.certificates import CertificateFiles, ensure_certificates
from torghut.platform.kafka.probe import try_tls

BROKER: Final = 1
KEYSTORE: Final = "listener.name.clients.ssl.keystore.location"
"""The dynamic setting; without it clients see the certificate of generation 0."""
UNKNOWN: Final = "unknown"
FIRST: Final = "0"


@dataclass(frozen=True)
class Authorities:
    """The generations of a broker's files."""

    base: CertificateFiles

    def files(self, generation: str) -> CertificateFiles:
        """Where a generation stands."""
        return self.base if generation == FIRST else CertificateFiles(self.base.directory / f"authority-{generation}")

    def generations(self) -> tuple[str, ...]:
        """Those that exist, the oldest first."""
        later = (path.name.rpartition("-")[2] for path in self.base.directory.glob("authority-*"))
        return (FIRST, *sorted(later, key=int))

    def make(self, generation: str) -> None:
        """Make it, or renew its broker's certificate."""
        ensure_certificates(self.files(generation).directory)

    def remove(self, generation: str) -> None:
        """Forget it; generation 0 stays, since the broker itself lives by it."""
        if generation != FIRST:
            shutil.rmtree(self.files(generation).directory, ignore_errors=True)

    def trusted(self) -> tuple[str, ...]:
        """The generations that the clients' truststore holds; `unknown` for one that is none of them."""
        known = {self.files(g).ca.read_text().strip(): g for g in self.generations() if self.files(g).ca.is_file()}
        text = self.base.truststore.read_text() if self.base.truststore.is_file() else ""
        found = (f"{part}{_END}".strip() for part in text.split(_END)[:-1])
        return tuple(known.get(certificate, UNKNOWN) for certificate in found)

    def trust(self, generations: tuple[str, ...]) -> None:
        """Let the clients' truststore hold exactly these."""
        content = b"".join(self.files(generation).ca.read_bytes() for generation in generations)
        write_atomically(self.base.truststore, content)

    def serving(self, host: str, port: int) -> str:
        """Which of them the certificate that clients see is of; `unknown` when it is of none, or expired."""
        valid = (g for g in self.generations() if try_tls(host, port, self.files(g).ca) is None)
        return next(valid, UNKNOWN)

    def serve(self, generation: str, admin: Admin) -> None:
        """Let the broker show the certificate of this generation; existing connections stay."""
        store = None if generation == FIRST else str(self.files(generation).broker_store)
        admin.set_broker(BROKER, {KEYSTORE: store})


_END: Final = "-----END CERTIFICATE-----\n"
