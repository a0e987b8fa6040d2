"""Putting the local stack's broker back to what it must be."""

from __future__ import annotations

from dataclasses import dataclass

from torghut.platform.kafka.admin import Admin
from torghut.platform.kafka.authority import FIRST, UNKNOWN, Authorities
from torghut.platform.kafka.certificates import CertificateFiles
from torghut.platform.kafka.probe import parse_servers
from torghut.runbooks.kafka_ports import Cause
from torghut.runbooks.ports import Change
from torghut.stack.home import Home
from torghut.stack.provision import admin_of
from torghut.stack.running import RunningStack
from torghut.targets.local.desired import LocalDesired
from torghut.targets.local.kafka import LocalKafkaUsers, asking, role_acls
from torghut.targets.local.quota import LocalQuota
from torghut.targets.local.secrets import LocalSecrets
from torghut.wire.topics import TOPICS, full_name


@dataclass(frozen=True)
class LocalKafkaRepair:
    """The broker of a home. Each does nothing when it is so."""

    home: Home
    state: LocalDesired
    secrets: LocalSecrets
    users: LocalKafkaUsers

    def of_others(self, cause: Cause) -> str:  # noqa: ARG002 - there is a repair for each
        """Nobody else is there to mend anything."""
        return ""

    def start_broker(self, change: Change) -> None:
        """Run it."""
        self.state.apply({"workload.kafka.run": "yes"}, change)

    def restore_certificate(self, change: Change) -> None:  # noqa: ARG002 - the files are no part of the desired state
        """The certificate of the newest authority that the clients trust, renewed if need be."""
        with asking():
            authorities = self._authorities()
            newest = next((g for g in reversed(authorities.trusted()) if g != UNKNOWN), FIRST)
            authorities.make(newest)
            authorities.serve(newest, self._admin())

    def restore_truststore(self, change: Change) -> None:  # noqa: ARG002 - as above
        """The authority of the certificate that the broker shows."""
        with asking():
            authorities = self._authorities()
            host, port = parse_servers(RunningStack(self.home).document().kafka.bootstrap_servers)[0]
            serving = authorities.serving(host, port)
            authorities.trust((FIRST if serving == UNKNOWN else serving,))

    def restore_user(self, role: str, change: Change) -> None:
        """The user of the Secret, with its password and permissions."""
        values = self.secrets.read(f"kafka.{role}")
        self.users.put(values["username"], values["password"], role, change)

    def restore_permissions(self, role: str, change: Change) -> None:  # noqa: ARG002 - as above
        """What the role may do."""
        with asking():
            self._admin().allow(role_acls(self.home, role, self.users.name(role)))

    def restore_secret(self, role: str, change: Change) -> None:
        """As its source has it."""
        self.secrets.restore(f"kafka.{role}", change)

    def restore_topics(self, change: Change) -> None:  # noqa: ARG002 - as above
        """All there, with what is declared; what is not declared is the broker's default again."""
        with asking():
            prefix, admin = RunningStack(self.home).document().topic_prefix, self._admin()
            admin.create_topics(TOPICS, prefix)
            for topic in TOPICS:
                defaults: dict[str, str | None] = {"min.insync.replicas": None, "max.message.bytes": None}
                admin.set_topic(full_name(topic, prefix), {**defaults, **topic.config()})

    def lift_quota(self, role: str, change: Change) -> None:  # noqa: ARG002 - as above
        """No limit on the role's user."""
        LocalQuota(self.home).lift(self.users.name(role))

    def _authorities(self) -> Authorities:
        return Authorities(CertificateFiles(self.home.secrets / "kafka"))

    def _admin(self) -> Admin:
        return admin_of(self.home)
