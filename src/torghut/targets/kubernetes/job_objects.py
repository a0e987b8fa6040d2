"""The job's objects: which deployment of it is in force, and its pods."""

from __future__ import annotations

from torghut.platform.kubernetes.api import DEPLOYMENT, FLINK_DEPLOYMENT, POD, Ref
from torghut.platform.kubernetes.flink import FlinkDeployment
from torghut.platform.kubernetes.objects import Pod
from torghut.targets.kubernetes.names import (
    JOB,
    JOB_STATUS,
    JOB_TOKEN,
    JOB_USER,
    PARALLELISM,
    REDEPLOYED_FROM,
    REDEPLOYED_NONCE,
    RESTARTED_FOR,
    SETTING,
    SETTINGS,
    START_FROM,
    STARTED_FROM,
    SUBMISSION,
    SUBMITTED,
    TAG,
)
from torghut.targets.kubernetes.place import Place, answers

_NAMES = frozenset(
    {
        *(TAG, SUBMISSION, START_FROM, PARALLELISM, REDEPLOYED_FROM, REDEPLOYED_NONCE, JOB_TOKEN, JOB_USER),
        *(f"{SETTING}{setting}" for setting in SETTINGS),
    }
)


_OF_BOTH = frozenset({TAG, JOB_TOKEN, JOB_USER})
"""What the one that tells how the job stands shares with it: version, login, and the restart that both take it from."""


def job_ref(place: Place) -> Ref:
    """The FlinkDeployment."""
    return place.ref(FLINK_DEPLOYMENT, JOB)


def objects_of_job(place: Place, name: str) -> tuple[Ref, ...]:
    """The objects that a name of the desired state is about; none when it is not the job's."""
    if name not in _NAMES:
        return ()
    return (job_ref(place), *((place.ref(DEPLOYMENT, JOB_STATUS),) if name in _OF_BOTH else ()))


def find_job(place: Place) -> FlinkDeployment | None:
    """The FlinkDeployment; None where there is none."""
    with answers():
        return place.api.find(job_ref(place), FlinkDeployment)


def job_values(place: Place) -> dict[str, str]:
    """The deployment in force, as flat names and values."""
    found = find_job(place)
    if found is None:
        return {}
    job, template = found.spec.job, found.spec.pod_template
    settings = {f"{SETTING}{setting}": template.spec.variable(setting) for setting in SETTINGS}
    values = {
        TAG: found.tag,
        SUBMISSION: template.metadata.annotations.get(SUBMITTED, ""),
        START_FROM: found.metadata.annotations.get(STARTED_FROM, ""),
        PARALLELISM: str(job.parallelism),
        JOB_TOKEN: template.metadata.annotations.get(RESTARTED_FOR, ""),
        JOB_USER: template.spec.variable("KAFKA_USERNAME"),
        **settings,
    }
    if job.savepoint_redeploy_nonce is not None:
        values[REDEPLOYED_NONCE] = str(job.savepoint_redeploy_nonce)
        values[REDEPLOYED_FROM] = job.initial_savepoint_path or ""
    return values


def job_pods(place: Place) -> tuple[Pod, ...]:
    """JobManager and TaskManagers, those that are not over."""
    with answers():
        found = place.api.list(POD, place.namespace, Pod, "app.kubernetes.io/name=ta")
    return tuple(pod for pod in found if not pod.over)
