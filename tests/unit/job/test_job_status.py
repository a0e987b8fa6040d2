from __future__ import annotations

from typing import Any

import msgspec

from torghut.job.clock import Bounds, Clock, TopicClock
from torghut.job.gauges import Gauges, Reading, names_of, readings
from torghut.job.shard import Counts
from torghut.job.status import STALLED, UNREACHABLE, assemble
from torghut.platform.flink.rest import Checkpoints, Job, innermost_cause

MS = 1_000_000
NOW = 1_700_000_100_000 * MS
RUNNING = msgspec.convert(
    {"jid": "j", "name": "n", "state": "RUNNING", "vertices": [{"id": "v", "name": "ta", "status": "RUNNING"}]}, Job
)


def checkpoints(age_ms: int, failed: int = 0) -> Checkpoints:
    last = {"id": 7, "trigger_timestamp": NOW // MS - age_ms, "end_to_end_duration": 40, "state_size": 1}
    return msgspec.convert({"counts": {"completed": 1, "failed": failed}, "latest": {"completed": last}}, Checkpoints)


class Group:
    """Flink's metric group, as the operator sees it."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}

    def distribution(self, name: str) -> Any:
        group = self

        class Shown:
            def update(self, value: int) -> None:
                group.shown[f"0.ta.{name}"] = str(value)

        return Shown()


def test_what_the_operator_shows_is_what_the_status_reads() -> None:
    group = Group()
    clock = Clock(Bounds(), TopicClock(NOW, newest=NOW), TopicClock(NOW, newest=NOW - 500 * MS))
    Gauges(group).show(3, Counts(records=5, late=1, written=2), clock, NOW)
    names = names_of([*group.shown, "0.numRecordsIn"])
    assert readings({name: group.shown[name] for name in names}) == {
        3: Reading(watermark_ms=NOW // MS - 2500, last_event_ms=NOW // MS, idle=0, records=5, written=2, late=1)
    }


def test_the_lag_is_that_of_the_slowest_partition_that_is_not_idle() -> None:
    now_ms = NOW // MS
    partitions = {
        0: Reading(watermark_ms=now_ms - 2000, records=1),
        1: Reading(watermark_ms=now_ms - 2600, records=2),
        2: Reading(watermark_ms=now_ms - 90_000, idle=1),
        3: Reading(idle=1),
    }
    status = assemble("j", "v1", RUNNING, checkpoints(100), partitions, NOW)
    assert (status.watermark_lag_ms, status.idle_partitions, status.records_in) == (2600, [2, 3], 3)


def test_failing_checkpoints_are_not_called_running() -> None:
    status = assemble("j", "v1", RUNNING, checkpoints(31_000, failed=60), {}, NOW)
    assert (status.status, status.checkpoint.age_ms, status.checkpoint.failed) == (STALLED, 31_000, 60)


def test_a_checkpoint_that_neither_ends_nor_fails_is_told_as_the_cause() -> None:
    assert "does the object store answer" in assemble("j", "v1", RUNNING, checkpoints(31_000), {}, NOW).reason


def test_a_job_that_works_is_running() -> None:
    assert assemble("j", "v1", RUNNING, checkpoints(100), {}, NOW).status == "RUNNING"


def test_flink_that_does_not_answer_is_unreachable() -> None:
    status = assemble("j", "v1", None, None, {}, NOW)
    assert (status.status, status.checkpoint.id, status.last_event_ts) == (UNREACHABLE, None, None)


def test_a_job_that_does_not_work_tells_its_last_cause() -> None:
    restarting = msgspec.structs.replace(RUNNING, state="RESTARTING")
    status = assemble("j", "v1", restarting, checkpoints(100), {}, NOW, "SaslAuthenticationException: no")
    assert (status.status, status.reason) == ("RESTARTING", "SaslAuthenticationException: no")


def test_a_job_that_works_has_no_reason_but_ok() -> None:
    assert assemble("j", "v1", RUNNING, checkpoints(100), {}, NOW, "an old failure").reason == "ok"


def test_failing_checkpoints_tell_why() -> None:
    failed = msgspec.json.decode(
        b'{"counts": {"completed": 1, "failed": 9}, "latest": {"failed": {"id": 8, "failure_message": "403"}, '
        b'"completed": {"id": 7, "trigger_timestamp": 1, "end_to_end_duration": 40, "state_size": 1}}}',
        type=Checkpoints,
    )
    status = assemble("j", "v1", RUNNING, failed, {}, NOW)
    assert (status.status, "403" in status.reason) == (STALLED, True)


def test_the_innermost_cause_of_a_stack_trace_is_told() -> None:
    trace = ["a.B: outer", "\tat a.B", "Caused by: c.D: middle", "\tat c.D", "Caused by: e.F: inner", "\t... 3 more"]
    assert [innermost_cause(trace), innermost_cause(trace[:2]), innermost_cause([])] == [
        "e.F: inner",
        "a.B: outer",
        None,
    ]
