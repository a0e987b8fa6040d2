"""Drills of kafka-produce-failure: one for each cause that can be made here with the real broker.

Not made here: a name that does not resolve and a full disk (no procedure mends those), a certificate for another host
(Kafka refuses to take one up while it runs), and too few replicas in sync (of one broker none is ever out of it, and
`min.insync.replicas` counts for no more than there are). Unit tests cover how they are recognised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from torghut.drills.scene import Scene
from torghut.platform.files import PRIVATE, make_private_directory, write_atomically
from torghut.platform.kafka.acls import Acl, Operation, Resource, acls_of
from torghut.platform.kafka.admin import Admin
from torghut.platform.kafka.authority import BROKER, KEYSTORE, Authorities
from torghut.platform.kafka.certificates import CertificateFiles, ensure_certificates, issue
from torghut.platform.waiting import wait_until
from torghut.runbooks.doctor import Health
from torghut.runbooks.kafka_ports import Cause
from torghut.runbooks.ports import Change, Ports
from torghut.stack.desired import set_running
from torghut.targets.local.quota import LocalQuota
from torghut.targets.local.target import ports
from torghut.wire.topics import BARS_1M, QUOTES, TRADES, Role, Topic, full_name

ROLE: Final = Role.FORWARDER
_LONG_AGO: Final = timedelta(days=400)
_QUIET_UNTIL_S: Final = 40
"""Minute bars come in the first half of a minute: a topic of them that is deleted later loses none of this drill's."""


@dataclass(frozen=True)
class KafkaFailure:
    """A way to break the broker's side, recognised by the doctor, mended by the procedure."""

    cause: str
    breaks: Callable[[Scene], None]
    restores: Callable[[Scene, Ports, Change], None]
    anew: bool = False
    """Whether only a new connection meets it: then the forwarder is killed and comes back into it."""
    name: str = "kafka-produce-failure"
    stand_ins: tuple[str, ...] = ("Alpaca is the simulator",)

    def make(self, scene: Scene) -> None:
        """Break it."""
        self.breaks(scene)
        if self.anew:
            scene.stack.kill("forwarder")

    def detected(self, scene: Scene) -> str | None:
        """The forwarder is not ready for a reason of Kafka's, and the doctor names this cause and blames no other."""
        reason = scene.forwarder_reason()
        if not reason.startswith("kafka_"):
            return None
        if self.cause == Cause.QUOTA:
            return f"the forwarder's status: {reason}"
        health = msgspec.json.decode(scene.torghut("doctor", "--json").stdout, type=Health)
        blamed = {remark.cause for remark in health.remarks if remark.cause and remark.area.startswith("kafka")}
        if blamed != {self.cause} or health.procedure != self.name:
            return None
        return f"the forwarder's status: {reason}; doctor: {self.cause}"

    def command(self, scene: Scene) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """It finds the cause by itself."""
        return (self.name,)

    def judge(self, scene: Scene, code: int) -> str | None:
        """It ended well, and what it mended was this."""
        if code != 0:
            return f"the procedure ended with {code}"
        health = msgspec.json.decode(scene.torghut("doctor", "--json").stdout, type=Health)
        # What piled up may still be on its way through the job: that is late, and not what was mended here.
        bad = [f"{remark.area}: {remark.cause}" for remark in health.remarks if remark.cause and remark.area != "lag"]
        return f"after it the doctor finds {', '.join(bad)}" if bad else None

    def restore(self, scene: Scene) -> None:
        """Put it back, whether or not the procedure did."""
        self.restores(scene, ports(scene.home), Change(f"after the drill {self.cause}", f"drill/{self.cause}"))


def _admin(scene: Scene) -> Admin:
    return scene.stack.admin()


def _topic(scene: Scene, topic: Topic) -> str:
    return full_name(topic, scene.stack.document().topic_prefix)


def _user(scene: Scene) -> str:
    return ports(scene.home).kafka_users.name(ROLE.value)


def _stop_broker(scene: Scene) -> None:
    scene.stack.stop("kafka")


def _start_broker(scene: Scene, _ports: Ports, _change: Change) -> None:
    set_running(scene.home, "kafka", True)


def _expire_certificate(scene: Scene) -> None:
    kafka = CertificateFiles(scene.home.secrets / "kafka")
    store = kafka.directory / "drill-store.pem"
    authority = Authorities(kafka).files(ports(scene.home).kafka_authority.serving())
    key, certificate = issue(authority, datetime.now(UTC) - _LONG_AGO)
    write_atomically(store, key + certificate, PRIVATE)
    _admin(scene).set_broker(BROKER, {KEYSTORE: str(store)})


def _trust_another(scene: Scene) -> None:
    another = ensure_certificates(make_private_directory(scene.scratch / "authority"))
    truststore = CertificateFiles(scene.home.secrets / "kafka").truststore
    write_atomically(truststore, another.ca.read_bytes())


def _change_password(scene: Scene) -> None:
    _admin(scene).set_passwords({_user(scene): "nobody-was-told-of-this-one"})


def _delete_user(scene: Scene) -> None:
    _admin(scene).remove_user(_user(scene))


def _spoil_copy(scene: Scene) -> None:
    """Seal the Secret as it is, then write something else into the copy that the forwarder reads."""
    secrets = ports(scene.home).secrets
    name = f"kafka.{ROLE.value}"
    secrets.put(name, secrets.read(name), Change("seal the Secret as it is", "drill/seal"))
    password = Path(scene.stack.document().kafka.users[ROLE.value].password_file)
    write_atomically(password, b"an-older-password\n", PRIVATE)


def _restore_copy(_scene: Scene, target: Ports, change: Change) -> None:
    target.secrets.restore(f"kafka.{ROLE.value}", change)


def _take_right(scene: Scene) -> None:
    _admin(scene).forbid([Acl(_user(scene), Resource.TOPIC, _topic(scene, TRADES), Operation.WRITE)])


def _give_rights(scene: Scene, _ports: Ports, _change: Change) -> None:
    _admin(scene).allow(acls_of(ROLE, _user(scene), scene.stack.document().topic_prefix))


def _delete_topic(scene: Scene) -> None:
    now = datetime.now(UTC)
    if now.second < _QUIET_UNTIL_S:
        wait_until(lambda: datetime.now(UTC).second >= _QUIET_UNTIL_S, 60, "a part of the minute without bars")
    _admin(scene).delete_topics([_topic(scene, BARS_1M)])


def _shrink_records(scene: Scene) -> None:
    _admin(scene).set_topic(_topic(scene, QUOTES), {"max.message.bytes": "200"})


def _throttle(scene: Scene) -> None:
    LocalQuota(scene.home).limit(_user(scene), 1024)


def _restore_user(_scene: Scene, target: Ports, change: Change) -> None:
    target.kafka_repair.restore_user(ROLE.value, change)


def _restore_topics(_scene: Scene, target: Ports, change: Change) -> None:
    target.kafka_repair.restore_topics(change)


FAILURES: Final = (
    KafkaFailure(Cause.CONNECT, _stop_broker, _start_broker),
    KafkaFailure(
        Cause.TLS_EXPIRED,
        _expire_certificate,
        lambda _, target, change: target.kafka_repair.restore_certificate(change),
        anew=True,
    ),
    KafkaFailure(
        Cause.TLS_UNKNOWN_CA,
        _trust_another,
        lambda _, target, change: target.kafka_repair.restore_truststore(change),
        anew=True,
    ),
    KafkaFailure(Cause.COPY, _spoil_copy, _restore_copy, anew=True),
    KafkaFailure(Cause.PASSWORD, _change_password, _restore_user, anew=True),
    KafkaFailure(Cause.USER, _delete_user, _restore_user, anew=True),
    KafkaFailure(Cause.ACL, _take_right, _give_rights),
    KafkaFailure(Cause.TOPIC_MISSING, _delete_topic, _restore_topics),
    KafkaFailure(Cause.TOPIC_SIZE, _shrink_records, _restore_topics),
    KafkaFailure(Cause.QUOTA, _throttle, lambda _, target, change: target.kafka_repair.lift_quota(ROLE.value, change)),
)
