"""Lag in an installation: where `targets.lag_figures` finds the forwarders, the topics and the job.

Metrics and Flink's REST interface are asked at the pods, by way of the API server; the topics at the brokers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from torghut.calendar import calendar_for
from torghut.config import ConfigError, load
from torghut.job.settings import JobSettings
from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.flink.rest import Flink
from torghut.platform.kafka.reader import ReadError
from torghut.platform.kubernetes.api import POD, UnansweredError
from torghut.platform.kubernetes.flink import FlinkDeployment
from torghut.platform.kubernetes.objects import Pod
from torghut.runbooks.lag_ports import LagReading
from torghut.targets import lag_figures
from torghut.targets.kubernetes.brokers import Brokers
from torghut.targets.kubernetes.job import flink_of, job_manager
from torghut.targets.kubernetes.job_objects import find_job, job_pods, job_ref
from torghut.targets.kubernetes.names import JOB, SETTINGS
from torghut.targets.kubernetes.place import Place, answers
from torghut.targets.kubernetes.status import KubernetesStatus

_ALWAYS: Final = "always"
_METRICS: Final = "metrics"


@dataclass(frozen=True)
class KubernetesLag:
    """Lag in an installation."""

    place: Place
    brokers: Brokers
    status: KubernetesStatus

    def read(self) -> LagReading:
        """Over some seconds."""
        job = find_job(self.place)
        if job is None:
            raise UnavailableError(f"there is no {job_ref(self.place)}")
        try:
            return lag_figures.read(self._sources(job))
        except ConfigError as error:
            raise RefusedError(f"{job_ref(self.place)}: {error}") from error
        except ReadError as error:
            raise UnavailableError(f"the topics cannot be read: {error}") from error

    def _sources(self, job: FlinkDeployment) -> lag_figures.Sources:
        told = {name: job.spec.pod_template.spec.variable(name) for name in SETTINGS}
        manager = job_manager(job_pods(self.place))
        return lag_figures.Sources(
            client=self.brokers.reader(),
            topic_prefix="",
            pages=self._pages,
            reason=self._reason,
            expected=self._expected(),
            job=load(JobSettings, {**told, "TA_PARALLELISM": str(job.spec.job.parallelism)}),
            flink=(lambda: flink_of(self.place, manager)) if manager else None,
            job_id=_job_id,
        )

    def _pages(self) -> Iterator[str]:
        """A forwarder that does not answer is left out: its status says so."""
        with answers():
            pods = self.place.api.list(POD, self.place.namespace, Pod, "app.kubernetes.io/name=forwarder")
        for pod in pods:
            port = pod.port(_METRICS)
            if port is None or pod.over:
                continue
            try:
                answer = self.place.api.ask(self.place.ref(POD, pod.metadata.name), str(port), "/metrics")
            except UnansweredError:
                continue
            if answer.is_success:
                yield answer.text

    def _reason(self) -> str:
        """The active forwarder's, else the first one's that answers."""
        found = sorted(self.status.forwarders(), key=lambda one: one.role != "active")
        return found[0].reason if found else ""

    def _expected(self) -> bool:
        options = self.place.options()
        if options.get("MARKET_CALENDAR") == _ALWAYS:
            return True
        return calendar_for(options.get("ALPACA_FEED", "iex")).session_at(time.time_ns()).is_open


def _job_id(flink: Flink) -> str:
    """The operator gives every start another."""
    return flink.job_named(JOB)
