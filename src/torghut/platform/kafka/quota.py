"""Quotas of users, by Kafka's own tool: librdkafka's admin client knows none."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from torghut.platform.errors import KafkaError
from torghut.platform.kafka.broker import render
from torghut.platform.kafka.certificates import CertificateFiles
from torghut.platform.ports import LOOPBACK

_DEADLINE_S: Final = 60.0
_LIMIT: Final = re.compile(r"(\w+_(?:byte_rate|percentage))=")


@dataclass(frozen=True)
class Quotas:
    """Quotas on a broker, asked and set as the broker's own identity on its internal port. A JVM for each request."""

    java: Path
    jars: Path
    port: int
    certificates: CertificateFiles

    def limits(self, user: str) -> str:
        """The limits of a user as the tool prints them; empty when there are none.

        Raises:
            KafkaError: the tool failed.
        """
        said = self._tool("--describe", "--entity-type", "users", "--entity-name", user)
        lines = [line for line in said.splitlines() if "_byte_rate=" in line or "_percentage=" in line]
        return "; ".join(line.rpartition(" are ")[2].strip() or line for line in lines)

    def limit(self, user: str, bytes_per_s: int) -> None:
        """Limit what a user may produce."""
        self._alter(user, "--add-config", f"producer_byte_rate={bytes_per_s}")

    def lift(self, user: str) -> None:
        """No limit any more. The tool refuses to take away one that is not there."""
        if names := _LIMIT.findall(self.limits(user)):
            self._alter(user, "--delete-config", ",".join(names))

    def _alter(self, user: str, *change: str) -> None:
        self._tool("--alter", "--entity-type", "users", "--entity-name", user, *change)

    def _tool(self, *arguments: str) -> str:
        files = self.certificates
        properties = {
            "security.protocol": "SSL",
            "ssl.keystore.type": "PEM",
            "ssl.truststore.type": "PEM",
            "ssl.keystore.location": str(files.broker_store),
            "ssl.truststore.location": str(files.ca),
        }
        with NamedTemporaryFile(suffix=".properties") as config:
            config.write(render(properties))
            config.flush()
            server = ("--bootstrap-server", f"{LOOPBACK}:{self.port}", "--command-config", config.name)
            command = [str(self.java), "-Xmx128m", "-cp", f"{self.jars}/*", "kafka.admin.ConfigCommand"]
            done = subprocess.run(
                [*command, *server, *arguments], capture_output=True, text=True, check=False, timeout=_DEADLINE_S
            )
        if done.returncode != 0:
            raise KafkaError(f"Kafka's ConfigCommand failed ({(done.stderr or done.stdout).strip()[-300:]})")
        return done.stdout
