"""What Flink says of the job, as procedures see it. The same on every target: only the way to Flink differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from torghut.platform.flink.rest import Checkpoints, Flink
from torghut.runbooks.job_ports import Checkpoint, JobHealth, Restored

_NS_PER_MS: Final = 1_000_000


def told_by_flink(health: JobHealth, flink: Flink, job_id: str) -> JobHealth:
    """With what Flink adds.

    Raises:
        FlinkError: it does not answer; who does not answer does not work.
    """
    job, checkpoints, errors = flink.job(job_id), flink.checkpoints(job_id), flink.errors(job_id)
    return replace(
        health,
        works=job.works,
        reason="ok" if job.works else ": ".join((f"the job is {job.state}", *errors[:1])),
        failures=health.failures + len(errors),
        completed=checkpoints.counts.completed,
        checkpoint=_newest(checkpoints),
        restored=_restored(checkpoints),
    )


def _newest(checkpoints: Checkpoints) -> Checkpoint | None:
    newest = checkpoints.latest.completed
    if newest is None:
        return None
    return Checkpoint(newest.id, newest.trigger_timestamp * _NS_PER_MS, newest.external_path or "")


def _restored(checkpoints: Checkpoints) -> Restored | None:
    found = checkpoints.latest.restored
    return None if found is None else Restored(found.id, found.external_path or "")
