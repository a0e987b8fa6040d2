"""Putting Kafka back to what Git says, as far as that is not Strimzi's own to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import RefusedError
from torghut.runbooks.kafka_ports import Cause
from torghut.runbooks.ports import Change
from torghut.targets.kubernetes.kafka_secrets import PREFIX, KafkaSecrets
from torghut.targets.kubernetes.kafka_users import KubernetesKafkaUsers, nudge
from torghut.targets.kubernetes.names import AUTHORITY, KAFKA, sealed_ref, topic_ref
from torghut.targets.kubernetes.place import Place
from torghut.targets.kubernetes.reflection import Reflection
from torghut.wire.topics import TOPICS, Role

AUTHORITY_IS_STRIMZIS: Final = (
    f"to rotate the authority: `kubectl annotate secret {AUTHORITY} -n {KAFKA} strimzi.io/force-renew=true`, wait until"
    f" kafka/{KAFKA}/torghut is Ready again, then restart what uses it"
)
_CLUSTER: Final = f"kafka/{KAFKA}/torghut"
_BROKERS: Final = (
    f"Strimzi runs the brokers of {_CLUSTER}: see its conditions (`kubectl describe kafka torghut -n {KAFKA}`) and its"
    " pods; from outside of the cluster, see also KAFKA_BOOTSTRAP_SERVERS"
)
_CERTIFICATE: Final = f"Strimzi makes the brokers' certificates ({_CLUSTER}); {AUTHORITY_IS_STRIMZIS}"
_OF_OTHERS: Final = {
    Cause.CONNECT: _BROKERS,
    Cause.TLS_EXPIRED: _CERTIFICATE,
    Cause.TLS_WRONG_HOST: _CERTIFICATE,
    Cause.TLS: _CERTIFICATE,
}


@dataclass(frozen=True)
class KubernetesKafkaRepair:
    """Kafka of an installation. Each does nothing when it is so."""

    place: Place
    secrets: KafkaSecrets
    users: KubernetesKafkaUsers

    def of_others(self, cause: Cause) -> str:
        """Who mends what no procedure does here, and how."""
        return _OF_OTHERS.get(cause, "")

    def start_broker(self, change: Change) -> None:  # noqa: ARG002 - it refuses
        """Not here.

        Raises:
            RefusedError: always.
        """
        raise RefusedError(_BROKERS)

    def restore_certificate(self, change: Change) -> None:  # noqa: ARG002 - it refuses
        """Not here.

        Raises:
            RefusedError: always.
        """
        raise RefusedError(_CERTIFICATE)

    def restore_truststore(self, change: Change) -> None:  # noqa: ARG002 - a copy is no part of the desired state
        """The copy of the authority as Strimzi has it.

        Raises:
            RefusedError: it is; the brokers show another than that.
        """
        authority = Reflection(self.place, AUTHORITY)
        if authority.follows():
            raise RefusedError(f"{authority.copy} is what Strimzi says: {_CERTIFICATE}")
        authority.write()

    def restore_user(self, role: str, change: Change) -> None:  # noqa: ARG002 - Git says so already
        """The role's user and its sealed password as they are in Git; the operator sets everything anew."""
        known = Role(role)
        self.users.state.delivery.bring((sealed_ref(known),))
        self.users.restore(self.users.name(role))

    def restore_permissions(self, role: str, change: Change) -> None:  # noqa: ARG002 - as above
        """The KafkaUser as it is in Git."""
        self.users.restore(self.users.name(role))

    def restore_secret(self, role: str, change: Change) -> None:
        """The copy as its source is."""
        self.secrets.restore(f"{PREFIX}{role}", change)

    def restore_topics(self, change: Change) -> None:  # noqa: ARG002 - as above
        """Every KafkaTopic as it is in Git; the operator makes those that are not there."""
        wanted = tuple(topic_ref(topic) for topic in TOPICS)
        self.users.state.delivery.bring(wanted)
        for ref in wanted:
            nudge(self.place, ref)

    def lift_quota(self, role: str, change: Change) -> None:
        """The KafkaUser as it is in Git, which has no quotas."""
        self.restore_permissions(role, change)
