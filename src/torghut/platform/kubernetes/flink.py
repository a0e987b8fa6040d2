"""Flink's FlinkDeployment and FlinkStateSnapshot, as far as they are looked at: what is wanted, and how far it is.

The operator's word is about what it was asked for. A redeployment from a savepoint is called stable as soon as it is
ordered, so what runs is asked of the pods and of Flink itself.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import msgspec

from torghut.platform.kubernetes.objects import Metadata, Template

_SETTLED: Final = frozenset({"STABLE", "DEPLOYED"})
_READY: Final = "READY"
_HOPELESS: Final = "ERROR"
"""Of the JobManager's deployment: the operator waits for another spec."""


class JobSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What is wanted of a job. `initial_savepoint_path` counts when `savepoint_redeploy_nonce` is a new number."""

    parallelism: int = 1
    state: str = "running"
    upgrade_mode: str = ""
    initial_savepoint_path: str | None = None
    savepoint_redeploy_nonce: int | None = None


class FlinkSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What is wanted of a deployment."""

    image: str = ""
    job: JobSpec = JobSpec()
    flink_configuration: dict[str, Any] = {}
    pod_template: Template = Template()


class JobStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What Flink said of the job when the operator asked last."""

    state: str | None = None


class FlinkStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How far the operator is."""

    lifecycle_state: str | None = None
    job_manager_deployment_status: str | None = None
    job_status: JobStatus = JobStatus()
    observed_generation: int | None = None
    error: str | None = None


class _Failure(msgspec.Struct, frozen=True):
    message: str = ""


class FlinkDeployment(msgspec.Struct, frozen=True):
    """A job and the cluster of its own that it runs in."""

    metadata: Metadata
    spec: FlinkSpec = FlinkSpec()
    status: FlinkStatus = FlinkStatus()

    @property
    def tag(self) -> str:
        """The tag of its image; empty when it has none."""
        name, _, tag = self.spec.image.rpartition(":")
        return tag if name and "/" not in tag else ""

    @property
    def taken_up(self) -> bool:
        """Whether the operator knows the newest wish. Old ones do not say."""
        seen = self.status.observed_generation
        return seen is None or seen >= self.metadata.generation

    @property
    def hopeless(self) -> bool:
        """Whether the operator gave up until somebody wants something else."""
        return self.taken_up and self.status.job_manager_deployment_status == _HOPELESS

    @property
    def trouble(self) -> str:
        """Why it is not as is wanted now; empty when the operator says that it is."""
        status, job = self.status, self.status.job_status.state
        if not self.taken_up:
            return "not taken up by the operator yet"
        well = status.lifecycle_state in _SETTLED and status.job_manager_deployment_status == _READY
        if well and job == "RUNNING":
            return ""
        states = f"{status.lifecycle_state}, JobManager {status.job_manager_deployment_status}, job {job}"
        return f"{states}: {self.error}" if status.error else states

    @property
    def error(self) -> str:
        """What went wrong last, in one line: the operator writes it as JSON around an exception."""
        text = self.status.error or ""
        with suppress(msgspec.DecodeError):
            text = msgspec.json.decode(text, type=_Failure).message or text
        return " ".join(text.split())[:300]


class SnapshotStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How far a snapshot is."""

    state: str = ""
    path: str | None = None
    error: str | None = None


class FlinkStateSnapshot(msgspec.Struct, frozen=True):
    """A savepoint that somebody ordered."""

    metadata: Metadata
    status: SnapshotStatus = SnapshotStatus()

    @property
    def uri(self) -> str | None:
        """Where it is, once it is complete."""
        return self.status.path if self.status.state == "COMPLETED" else None

    @property
    def failure(self) -> str:
        """Why it will never be complete; empty while it may."""
        over = self.status.state in {"FAILED", "ABANDONED"}
        return f"{self.status.state}: {self.status.error or 'the operator does not say why'}" if over else ""


def savepoint_order(metadata: dict[str, Any], deployment: str, retries: int) -> dict[str, Any]:
    """A FlinkStateSnapshot: the operator takes a savepoint, where the job keeps its own, which outlives the order."""
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkStateSnapshot",
        "metadata": metadata,
        "spec": {
            "backoffLimit": retries,
            "jobReference": {"kind": "FlinkDeployment", "name": deployment},
            "savepoint": {"disposeOnDelete": False},
        },
    }
