"""The Flink job: what its pods, Flink itself, the operator, the store and the topics show.

Flink is asked at the JobManager's pod, by way of the API server; the operator's word alone is not believed (see
`platform.kubernetes.flink`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.errors import FlinkError
from torghut.platform.flink.rest import Flink
from torghut.platform.kafka.reader import ReadError
from torghut.platform.kubernetes.api import FLINK_SNAPSHOT, POD, Ref
from torghut.platform.kubernetes.flink import FlinkDeployment, FlinkStateSnapshot, savepoint_order
from torghut.platform.kubernetes.objects import Pod
from torghut.runbooks.job_ports import Flow, JobHealth
from torghut.targets.job_records import flow_since
from torghut.targets.job_state import told_by_flink
from torghut.targets.kubernetes.brokers import Brokers
from torghut.targets.kubernetes.job_objects import find_job, job_pods, job_ref
from torghut.targets.kubernetes.names import JOB, SUBMITTED
from torghut.targets.kubernetes.place import Place, answers
from torghut.targets.kubernetes.redeployment import former_tags
from torghut.targets.kubernetes.store import ObjectStore

_NS_PER_MS: Final = 1_000_000
_REST: Final = 8081
_HOPELESS: Final = 3
"""What the operator, or a node that cannot have the image, does not try any further counts as so many failures."""
_NO_IMAGE: Final = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_ORDERED_FOR: Final = "torghut/ordered-for"
_RETRIES: Final = 2
_SLUG: Final = 40


@dataclass(frozen=True)
class KubernetesJob:
    """The job of an installation."""

    place: Place
    brokers: Brokers
    store: ObjectStore

    def health(self) -> JobHealth:
        """The pods that there are, and what their JobManager says."""
        deployment, pods = self._deployment(), job_pods(self.place)
        managers = _managers(pods)
        health = JobHealth(
            works=False,
            reason=self._reason(deployment, pods),
            version=_told(pod.spec.variable("TA_TAG") for pod in pods if pod.since_ns),
            submission=_told(pod.metadata.annotations.get(SUBMITTED, "") for pod in managers),
            failures=sum(pod.restarts for pod in managers) + (_HOPELESS if _given_up(deployment, managers) else 0),
            since_ns=max((pod.since_ns for pod in pods), default=0),
        )
        asked = self._asked(health, job_manager(pods))
        trouble = deployment.trouble
        if asked.works and trouble:
            return replace(asked, works=False, reason=f"{job_ref(self.place)} is {trouble}")
        return asked

    def versions(self) -> None:
        """Only the registry knows, which is not asked: a tag that it does not have fails, and is taken back."""
        return

    def former_versions(self) -> tuple[str, ...]:
        """As the commits of the desired state tell."""
        return former_tags(self.place)

    def take_savepoint(self, name: str) -> None:
        """Order it of the operator, by an object that is found again by this name."""
        ref = self._snapshot(name)
        metadata = {"name": ref.name, "namespace": ref.namespace, "annotations": {_ORDERED_FOR: name}}
        with answers():
            self.place.api.create(ref, savepoint_order(metadata, JOB, _RETRIES))

    def savepoint(self, name: str) -> str | None:
        """What the operator says of it.

        Raises:
            RefusedError: it failed, and is not tried again.
        """
        ref = self._snapshot(name)
        with answers():
            found = self.place.api.find(ref, FlinkStateSnapshot)
        if found is not None and found.failure:
            raise RefusedError(f"{ref} is {found.failure}; the job goes on")
        return None if found is None else found.uri

    def written_ns(self, uri: str) -> int | None:
        """When its metadata was written, to the second."""
        prefix = uri.partition("://")[2].partition("/")[2]
        found = self.store.snapshots(prefix)
        return found[0].finished_ms * _NS_PER_MS if found else None

    def flow(self, since_ns: int) -> Flow:
        """Counted in the topics, as the audit's user."""
        try:
            return flow_since(self.brokers.reader(), "", since_ns)
        except ReadError as error:
            raise UnavailableError(f"the topics of the job cannot be read: {error}") from error

    def _deployment(self) -> FlinkDeployment:
        found = find_job(self.place)
        if found is None:
            raise UnavailableError(f"there is no {job_ref(self.place)}")
        return found

    def _reason(self, deployment: FlinkDeployment, pods: tuple[Pod, ...]) -> str:
        waiting = "; ".join(f"{self._named(pod)}: {pod.waits_for}" for pod in pods if pod.waits_for)
        said = f"{job_ref(self.place)} is {deployment.trouble or 'called well, and its JobManager does not answer'}"
        return f"{said}; {waiting}" if waiting else said

    def _asked(self, health: JobHealth, manager: Pod | None) -> JobHealth:
        """What Flink adds."""
        if manager is None:
            return health
        try:
            with flink_of(self.place, manager) as flink:
                return told_by_flink(health, flink, flink.job_named(JOB))
        except FlinkError:
            return health

    def _snapshot(self, name: str) -> Ref:
        """The order's object: its name may hold less than a run's id does."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG].strip("-")
        return self.place.ref(FLINK_SNAPSHOT, f"{JOB}-{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}")

    def _named(self, pod: Pod) -> str:
        return str(self.place.ref(POD, pod.metadata.name))


def flink_of(place: Place, manager: Pod) -> Flink:
    """Flink's REST interface, through the API server."""
    port = manager.port("rest") or _REST
    return Flink(place.api.way_to(place.ref(POD, manager.metadata.name), str(port)), through=place.api.client)


def job_manager(pods: tuple[Pod, ...]) -> Pod | None:
    """The one that runs; while one replaces another, nobody is asked."""
    managers = _managers(pods)
    return managers[0] if len(managers) == 1 and managers[0].since_ns else None


def _managers(pods: tuple[Pod, ...]) -> list[Pod]:
    return [pod for pod in pods if pod.metadata.labels.get("component") == "jobmanager" and not pod.leaving]


def _told(values: Iterable[str]) -> str:
    return " and ".join(sorted({value for value in values if value}))


def _given_up(deployment: FlinkDeployment, managers: list[Pod]) -> bool:
    return deployment.hopeless or any(pod.waits_for in _NO_IMAGE for pod in managers)
