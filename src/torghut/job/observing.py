"""Asking Flink how the job is."""

from __future__ import annotations

from typing import Final

from torghut.job.gauges import Reading, names_of, readings
from torghut.job.settings import JobSettings
from torghut.job.status import assemble
from torghut.platform.errors import FlinkError
from torghut.platform.flink.rest import Flink, Job
from torghut.wire.status import TaStatus

OPERATOR: Final = "ta"
"""The operator's name, with which its task's name begins."""


class Observer:
    """Asks Flink about one job.

    By the id of its settings; with `name` by that name, where Flink's operator gives it an id of its own.
    """

    def __init__(self, flink: Flink, settings: JobSettings, name: str | None = None) -> None:
        self._flink: Final = flink
        self._settings: Final = settings
        self._name: Final = name

    def observe(self, now_ns: int) -> TaStatus:
        """The status of now; one that says so when Flink does not answer."""
        job_id, tag = self._settings.job_id, self._settings.tag
        try:
            job = self._flink.job(job_id if self._name is None else self._flink.job_named(self._name))
            checkpoints = self._flink.checkpoints(job.jid)
            partitions = self._partitions(job)
            cause = None if job.works else self._flink.last_error(job.jid)
        except FlinkError as error:
            return assemble(job_id, tag, None, None, {}, now_ns, str(error))
        return assemble(job_id, tag, job, checkpoints, partitions, now_ns, cause)

    def _partitions(self, job: Job) -> dict[int, Reading]:
        found: dict[int, Reading] = {}
        for vertex in job.vertices:
            if vertex.name.startswith(OPERATOR):
                names = names_of(self._flink.metrics(job.jid, vertex.id, ()))
                found |= readings(self._flink.metrics(job.jid, vertex.id, names)) if names else {}
        return found
