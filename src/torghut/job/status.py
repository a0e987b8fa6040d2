"""The job's status, put together from what Flink and the operator's metrics say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torghut.job.gauges import Reading
from torghut.platform.flink.rest import Checkpoints, Job
from torghut.wire.status import CheckpointState, TaStatus

_NS_PER_MS: Final = 1_000_000
UNREACHABLE: Final = "UNREACHABLE"
STALLED: Final = "STALLED"
"""Every task runs, but checkpoints fail: exactly-once output stands still, which Flink itself calls RUNNING."""
_STALLED_AFTER_MS: Final = 30_000


def assemble(
    job_id: str,
    tag: str,
    job: Job | None,
    checkpoints: Checkpoints | None,
    partitions: Mapping[int, Reading],
    now_ns: int,
    cause: str | None = None,
) -> TaStatus:
    """The record of now.

    `job` and `checkpoints` are None when Flink does not answer, or knows no such job. `cause` is what went wrong last
    with the job, or with the asking.
    """
    state = _checkpoint_state(checkpoints, now_ns)
    active = [reading for reading in partitions.values() if not reading.idle and reading.watermark_ms > 0]
    now_ms = now_ns / _NS_PER_MS
    word = _word(job, state)
    return TaStatus(
        job=job_id,
        version=tag,
        status=word,
        reason=_reason(word, checkpoints, cause),
        watermark_lag_ms=now_ms - min(reading.watermark_ms for reading in active) if active else None,
        last_event_ts=max((one.last_event_ms for one in partitions.values()), default=0) * _NS_PER_MS or None,
        records_in=sum(reading.records for reading in partitions.values()),
        records_out=sum(reading.written for reading in partitions.values()),
        late_records=sum(reading.late for reading in partitions.values()),
        idle_partitions=[partition for partition, reading in partitions.items() if reading.idle],
        checkpoint=state,
        ts=now_ns,
    )


def _checkpoint_state(checkpoints: Checkpoints | None, now_ns: int) -> CheckpointState:
    if checkpoints is None:
        return CheckpointState(id=None, age_ms=None, duration_ms=None, failed=0)
    last = checkpoints.latest.completed
    if last is None:
        return CheckpointState(id=None, age_ms=None, duration_ms=None, failed=checkpoints.counts.failed)
    return CheckpointState(
        id=last.id,
        age_ms=now_ns / _NS_PER_MS - last.trigger_timestamp,
        duration_ms=last.end_to_end_duration,
        failed=checkpoints.counts.failed,
    )


def _reason(word: str, checkpoints: Checkpoints | None, cause: str | None) -> str:
    if word == "RUNNING":
        return "ok"
    failed = checkpoints.latest.failed if checkpoints else None
    if word == STALLED:
        # A store that does not answer lets a checkpoint neither end nor fail for many minutes.
        silent = "one does not end: does the object store answer?"
        why = silent if failed is None else failed.failure_message or "Flink does not say why"
        return f"checkpoints fail, so nothing is committed: {why}"
    return cause or f"the job is {word}"


def _word(job: Job | None, checkpoint: CheckpointState) -> str:
    if job is None:
        return UNREACHABLE
    if job.state != "RUNNING":
        return job.state
    if not job.works:
        return "STARTING"
    return STALLED if checkpoint.age_ms is not None and checkpoint.age_ms > _STALLED_AFTER_MS else "RUNNING"
