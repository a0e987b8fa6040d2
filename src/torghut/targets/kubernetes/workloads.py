"""Workloads: Deployments and the Flink job, restarted and scaled in Git; their pods and logs; pods nobody declared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.kubernetes.api import DEPLOYMENT, POD, REPLICA_SET
from torghut.platform.kubernetes.objects import Deployment, Metadata, Pod
from torghut.runbooks.ports import Change, Instance
from torghut.targets.kubernetes.desired import SEALED, WORKLOADS, KubernetesDesired
from torghut.targets.kubernetes.job_objects import find_job, job_pods
from torghut.targets.kubernetes.names import JOB_STATUS, RESTARTED_FOR
from torghut.targets.kubernetes.place import Place, answers
from torghut.targets.kubernetes.status import said_by

_ROLES: Final = {"forwarder": SEALED["alpaca"][0]}
"""Workload to the Secret that makes a pod one of its kind: whoever has these keys can take the account's connection."""
JOB: Final = "job"
"""The workload that is no Deployment of ours: Flink makes its pods."""
_LABELS: Final = {**{workload: (name,) for workload, name in WORKLOADS.items()}, JOB: ("ta", JOB_STATUS)}
"""Workload to the names that its pods are labelled with, those that log in as it with them."""
_OF_OTHERS: Final = {
    "kafka": "Strimzi runs the brokers of kafka/kafka/torghut; to have it restart them one by one: `kubectl annotate"
    " strimzipodset torghut-broker -n kafka strimzi.io/manual-rolling-update=true`"
}
"""Workload to who restarts it, and how."""
_MOST: Final = 20


class _ReplicaSet(msgspec.Struct, frozen=True):
    metadata: Metadata


@dataclass(frozen=True)
class KubernetesWorkloads:
    """What runs in an installation."""

    place: Place
    state: KubernetesDesired

    def instances(self, workload: str) -> tuple[Instance, ...]:
        """The pods of its Deployment. Until the controller has taken up the newest wish, none of them is ready."""
        if workload == JOB:
            return self._of_job()
        deployment = self._deployment(workload)
        current = deployment.status.observed_generation >= deployment.metadata.generation
        wanted = deployment.spec.template.metadata.annotations.get(RESTARTED_FOR, "")
        pods = [pod for pod in self._pods(WORKLOADS[workload]) if self._declared(pod, workload) and not pod.over]
        return tuple(self._instance(pod, wanted, current=current) for pod in pods)

    def _of_job(self) -> tuple[Instance, ...]:
        """Its JobManager and TaskManagers; none where there is no job, so that what concerns it, too, goes on."""
        job = find_job(self.place)
        if job is None:
            return ()
        wanted = job.spec.pod_template.metadata.annotations.get(RESTARTED_FOR, "")
        pods = job_pods(self.place)
        return tuple(self._instance(pod, wanted, current=job.taken_up) for pod in pods)

    def restart(self, workload: str, change: Change) -> None:
        """Another annotation of the pods: the Deployment replaces them, once for this token; the job's operator too."""
        self.state.apply({f"workload.{workload}.token": change.token}, change)

    def strays(self, workload: str) -> tuple[str, ...]:
        """Pods that run in its role with its keys and belong to no Deployment of ours."""
        return tuple(str(self.place.ref(POD, pod.metadata.name)) for pod in self._strays(workload))

    def end_strays(self, workload: str, change: Change) -> None:  # noqa: ARG002 - what nobody declared is in no commit
        """Remove them, in order.

        Raises:
            RefusedError: something makes one anew; it is named.
        """
        for pod in self._strays(workload):
            ref = self.place.ref(POD, pod.metadata.name)
            owner = pod.metadata.controller
            if owner is not None:
                maker = f"{owner.kind.lower()}/{self.place.namespace}/{owner.name}"
                raise RefusedError(f"{ref} is made anew by {maker}: remove that")
            with answers():
                self.place.api.delete(ref)

    def complaints(self, workload: str, words: tuple[str, ...], since_ns: int) -> tuple[str, ...]:
        """Lines of its pods' logs since then with one of the words."""
        since = datetime.fromtimestamp(since_ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        with answers():
            pods = [pod for name in _LABELS[workload] for pod in self._pods(name) if pod.since_ns]
            logs = [self.place.api.log(self.place.ref(POD, pod.metadata.name), since) for pod in pods]
        lines = (line for log in logs for line in log.splitlines())
        return tuple(line for line in lines if any(word in line for word in words))[-_MOST:]

    def _instance(self, pod: Pod, wanted: str, *, current: bool) -> Instance:
        token = pod.metadata.annotations.get(RESTARTED_FOR, "")
        ref = self.place.ref(POD, pod.metadata.name)
        reason = "leaving" if pod.leaving else "not taken up yet" if not current else self._reason(pod)
        return Instance(
            name=str(ref), ready=pod.ready and current and token == wanted, reason=reason, token=token,
            since_ns=pod.since_ns,
        )  # fmt: skip

    def _reason(self, pod: Pod) -> str:
        try:
            return said_by(self.place, pod).reason
        except UnavailableError:
            return pod.status.reason or pod.waits_for or pod.status.phase.lower()

    def _deployment(self, workload: str) -> Deployment:
        if workload not in WORKLOADS:
            known = f"{workload} is no workload that procedures know on Kubernetes: those are {', '.join(_LABELS)}"
            raise RefusedError(_OF_OTHERS.get(workload, known))
        with answers():
            return self.place.api.read(self.place.ref(DEPLOYMENT, WORKLOADS[workload]), Deployment)

    def _pods(self, name: str) -> tuple[Pod, ...]:
        with answers():
            return self.place.api.list(POD, self.place.namespace, Pod, f"app.kubernetes.io/name={name}")

    def _strays(self, workload: str) -> tuple[Pod, ...]:
        if workload not in _ROLES:
            return ()
        with answers():
            pods = self.place.api.list(POD, self.place.namespace, Pod)
        return tuple(
            pod
            for pod in pods
            if pod.uses_secret(_ROLES[workload])
            and any(container.args[:1] == (workload,) for container in pod.spec.containers)
            and not pod.over
            and not self._declared(pod, workload)
        )

    def _declared(self, pod: Pod, workload: str) -> bool:
        """Whether it belongs to the Deployment, by way of a ReplicaSet of it."""
        owner = pod.metadata.controller
        if owner is None or owner.kind != "ReplicaSet":
            return False
        with answers():
            replica_set = self.place.api.find(self.place.ref(REPLICA_SET, owner.name), _ReplicaSet)
        above = replica_set.metadata.controller if replica_set is not None else None
        return above is not None and (above.kind, above.name) == ("Deployment", WORKLOADS[workload])
