"""The authority behind the local broker's certificate, and the truststore file of its clients."""

from __future__ import annotations

from dataclasses import dataclass

from torghut.ops.errors import UnavailableError
from torghut.platform.kafka.authority import UNKNOWN, Authorities
from torghut.platform.kafka.certificates import CertificateFiles
from torghut.platform.kafka.probe import parse_servers
from torghut.runbooks.ports import Change
from torghut.stack.home import Home
from torghut.stack.provision import admin_of
from torghut.stack.running import RunningStack
from torghut.targets.local.kafka import asking


@dataclass(frozen=True)
class LocalKafkaAuthority:
    """Files of the home; the changes are no part of the desired state's file, the files are what is followed."""

    home: Home

    def serving(self) -> str:
        """By a handshake now."""
        with asking():
            servers = parse_servers(RunningStack(self.home).document().kafka.bootstrap_servers)
            found = {self._authorities.serving(host, port) for host, port in servers}
        if found == {UNKNOWN}:
            raise UnavailableError("no authority that is known here is behind the broker's certificate, or no broker")
        return "+".join(sorted(found))

    def trusted(self) -> tuple[str, ...]:
        """What the truststore holds."""
        with asking():
            return self._authorities.trusted()

    def exists(self, generation: str) -> bool:
        """Whether it is there, whole."""
        return self._authorities.files(generation).broker_store.is_file()

    def following(self, generation: str) -> str:
        """The next number."""
        return str(int(generation) + 1)

    def make(self, generation: str, change: Change) -> None:  # noqa: ARG002 - see the class
        """Make it."""
        with asking():
            self._authorities.make(generation)

    def remove(self, generation: str, change: Change) -> None:  # noqa: ARG002 - see the class
        """Forget it."""
        self._authorities.remove(generation)

    def trust(self, generations: tuple[str, ...], change: Change) -> None:  # noqa: ARG002 - see the class
        """Write the truststore."""
        with asking():
            self._authorities.trust(generations)

    def serve(self, generation: str, change: Change) -> None:  # noqa: ARG002 - see the class
        """Let the broker take its certificate up."""
        with asking():
            self._authorities.serve(generation, admin_of(self.home))

    @property
    def _authorities(self) -> Authorities:
        return Authorities(CertificateFiles(self.home.secrets / "kafka"))
