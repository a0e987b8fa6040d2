"""Names of objects and of their parts that manifests and procedures share."""

from __future__ import annotations

from typing import Final

from torghut.ops.errors import RefusedError
from torghut.platform.kafka.acls import username, usernames
from torghut.platform.kubernetes.api import KAFKA_TOPIC, KAFKA_USER, SEALED_SECRET, SECRET, Ref
from torghut.wire.topics import Role, Topic

KAFKA: Final = "kafka"
"""The namespace of Strimzi's resources."""
AUTHORITY: Final = "torghut-cluster-ca-cert"
"""The Secret with the authority that clients trust (`ca.crt`), and its copy."""
JOB: Final = "torghut-ta"
"""The FlinkDeployment."""
JOB_STATUS: Final = "ta-status"
"""The Deployment that tells how the job stands, and of which version it is."""
TAG: Final = "job.tag"
SUBMISSION: Final = "job.submission"
START_FROM: Final = "job.start_from"
PARALLELISM: Final = "job.parallelism"
SETTING: Final = "job.setting."
SETTINGS: Final = ("TA_IDLE_TIMEOUT_MS", "TA_WATERMARK_MS")
"""Of the job, those that procedures change."""
REDEPLOYED_FROM: Final = "job.redeployed.from"
REDEPLOYED_NONCE: Final = "job.redeployed.nonce"
JOB_TOKEN: Final = "workload.job.token"  # noqa: S105 - what it was restarted for
JOB_USER: Final = f"kafka.user.{Role.TA.value}"
"""As whom the job logs in to Kafka, and who tells how it stands."""
RESTARTED_FOR: Final = "torghut/restarted-for"
"""Annotation of a pod: what it was last restarted for."""
SUBMITTED: Final = "torghut/submission"
"""Annotation of the job's pods: the deployment that they belong to."""
STARTED_FROM: Final = "torghut/start-from"
"""Annotation of the FlinkDeployment: what its deployment should start from."""
ROTATED: Final = (Role.FORWARDER, Role.TA)
"""Roles whose user procedures change: its password is sealed in Git, and there is a second user to move to."""


def passwords(role: Role) -> str:
    """The Secret with the passwords of a role's users, each under its user's name."""
    return f"{username(role)}-passwords"


def sealed_file(role: Role) -> str:
    """Where they are sealed, below the overlay."""
    return f"secrets/kafka-{role.value}.yaml"


def role_of(user: str) -> Role:
    """Whose user it is.

    Raises:
        RefusedError: none of those that procedures change.
    """
    known = {name: role for role in ROTATED for name in usernames(role)}
    if user not in known:
        raise RefusedError(f"{user} is no user that procedures change on Kubernetes: those are {', '.join(known)}")
    return known[user]


def user_ref(user: str) -> Ref:
    """A user."""
    return Ref(KAFKA_USER, KAFKA, user)


def topic_ref(topic: Topic) -> Ref:
    """A topic."""
    return Ref(KAFKA_TOPIC, KAFKA, topic.name)


def opened_ref(role: Role) -> Ref:
    """The passwords of a role's users, for the user operator."""
    return Ref(SECRET, KAFKA, passwords(role))


def sealed_ref(role: Role) -> Ref:
    """The same, sealed."""
    return Ref(SEALED_SECRET, KAFKA, passwords(role))
