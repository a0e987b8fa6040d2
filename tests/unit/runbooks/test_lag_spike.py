"""lag-spike: which figures mean which cause, and what is done about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.ops.world import Desk
from tests.unit.runbooks.cluster import Cluster
from tests.unit.runbooks.readings import (
    FEED,
    JOB,
    LATE_FEED,
    READINGS,
    SILENT,
    SLOW_JOB,
    UNQUOTED,
    WELL,
    with_partition,
)

from torghut.ops.approval import Nobody
from torghut.ops.errors import PreconditionError
from torghut.ops.procedure import Request
from torghut.ops.runner import Outcome
from torghut.runbooks.lag_diagnosis import BUSY, FEED_LAG_MS, LATE, PRODUCE_MS, REQUEST_MS, Cause, diagnose
from torghut.runbooks.lag_ports import BrokerFigures, LagReading, TaskFigures
from torghut.runbooks.lag_spike import BY_HAND, LagSpike


@pytest.mark.parametrize("cause", READINGS)
def test_each_cause_is_recognised_with_evidence_and_nothing_else_is_blamed(cause: Cause) -> None:
    found = diagnose(READINGS[cause])
    assert found.cause is cause
    assert found.evidence


def test_a_well_reading_blames_nothing() -> None:
    assert diagnose(WELL).cause is None


@pytest.mark.parametrize(
    "reading",
    [
        pytest.param(replace(WELL, feed=replace(FEED, lag_ms=FEED_LAG_MS - 1)), id="a feed a little late"),
        pytest.param(replace(WELL, broker=BrokerFigures(900, PRODUCE_MS - 1, REQUEST_MS - 1)), id="a busy broker"),
        pytest.param(replace(WELL, broker=BrokerFigures(0, None, None)), id="a broker that was not measured"),
        pytest.param(replace(WELL, job=with_partition(JOB, 1, backlog=9000)), id="a job that catches up with ease"),
        pytest.param(replace(WELL, job=replace(JOB, tasks=(TaskFigures("ta", BUSY, 0),))), id="a busy job on time"),
        pytest.param(replace(WELL, job=replace(JOB, late=LATE / 2, disorder_ms=8000)), id="a few late reports"),
        pytest.param(
            replace(WELL, job=with_partition(JOB, 3, quotes=0.0, trades=0.0, watermark_ms=90_000.0, idle=True)),
            id="an idle partition that nobody waits for",
        ),
        pytest.param(
            replace(WELL, job=with_partition(JOB, 3, quotes=0.0, watermark_ms=2900.0)), id="quotes silent for a moment"
        ),
        pytest.param(replace(SILENT, feed=replace(SILENT.feed, expected=False)), id="a closed market"),
    ],
)
def test_what_is_near_to_a_cause_is_none(reading: LagReading) -> None:
    assert diagnose(reading).cause is None


def test_one_silent_channel_while_the_other_speaks_is_a_muted_socket_and_not_idle_partitions() -> None:
    silent = tuple(replace(one, quotes=0.0, watermark_ms=15_000.0) for one in JOB.partitions)
    reading = replace(
        WELL, feed=replace(FEED, messages={"trades": 500.0, "quotes": 0.0}), job=replace(JOB, partitions=silent)
    )
    assert diagnose(reading).cause is Cause.MUTED


@pytest.mark.parametrize("hidden", [Cause.JOB, Cause.IDLE, Cause.DISORDER])
@pytest.mark.parametrize("first", [Cause.MUTED, Cause.FEED, Cause.BROKER])
def test_what_comes_first_on_the_way_hides_what_is_behind_it(first: Cause, hidden: Cause) -> None:
    both = replace(READINGS[first], job=READINGS[hidden].job)
    assert diagnose(both).cause is first


def test_the_partitions_that_are_held_are_named() -> None:
    assert diagnose(UNQUOTED).partitions == (3,)
    assert "partition 3: quotes silent, event time 9000 ms behind" in diagnose(UNQUOTED).evidence


# The procedure


def cure(desk: Desk, cluster: Cluster) -> Outcome:
    return desk.runner(LagSpike(cluster.ports())).run("lag-spike", Request(), "r")


@pytest.mark.parametrize(
    ("cause", "name", "value"),
    [
        (Cause.JOB, "job.parallelism", "2"),
        (Cause.IDLE, "job.setting.TA_IDLE_TIMEOUT_MS", "2000"),
        (Cause.DISORDER, "job.setting.TA_WATERMARK_MS", "6000"),
    ],
)
def test_the_job_is_deployed_through_a_savepoint_with_what_the_cause_asks_for(
    tmp_path: Path, cause: Cause, name: str, value: str
) -> None:
    cluster = Cluster(readings=[READINGS[cause], READINGS[cause], READINGS[cause], WELL])
    assert cure(Desk(tmp_path), cluster).ok
    assert cluster.committed[name] == value
    assert cluster.restored is not None
    assert cluster.restored.uri in cluster.savepoints.values()


@pytest.mark.parametrize(("cause", "workload"), [(Cause.MUTED, "forwarder"), (Cause.BROKER, "kafka")])
def test_what_is_stuck_is_restarted_and_nothing_else(tmp_path: Path, cause: Cause, workload: str) -> None:
    cluster = Cluster(readings=[READINGS[cause], READINGS[cause], WELL])
    assert cure(Desk(tmp_path), cluster).ok
    assert cluster.restarts == [f"{workload} r/restart"]
    assert cluster.changes == [f"restart for {cause}"]


@pytest.mark.parametrize("cause", BY_HAND)
def test_what_is_not_ours_to_mend_changes_nothing_and_is_said(tmp_path: Path, cause: Cause) -> None:
    cluster = Cluster(readings=[READINGS[cause]])
    with pytest.raises(PreconditionError, match=cause.value):
        cure(Desk(tmp_path), cluster)
    assert cluster.changes == []


def test_without_a_yes_nothing_is_restarted(tmp_path: Path) -> None:
    cluster = Cluster(readings=[SILENT])
    procedure = LagSpike(cluster.ports())
    outcome = Desk(tmp_path).runner(procedure, approver=Nobody()).run("lag-spike", Request(), "r")
    assert (outcome.waits, cluster.changes) == (True, [])


def test_lag_that_comes_back_has_not_stayed_down(tmp_path: Path) -> None:
    cluster = Cluster(readings=[SILENT, SILENT, *[WELL, WELL, SILENT] * 2, SILENT])
    outcome = cure(Desk(tmp_path), cluster)
    assert not outcome.ok


def test_a_cause_that_the_next_reading_does_not_show_is_not_acted_upon(tmp_path: Path) -> None:
    cluster = Cluster(readings=[SILENT, LATE_FEED, LATE_FEED])
    with pytest.raises(PreconditionError, match=Cause.FEED.value):
        cure(Desk(tmp_path), cluster)


def test_figures_that_never_agree_are_no_diagnosis(tmp_path: Path) -> None:
    cluster = Cluster(readings=[SILENT, WELL] * 5)
    with pytest.raises(PreconditionError, match="change from one reading to the next"):
        cure(Desk(tmp_path), cluster)


def test_nothing_late_is_said_and_changes_nothing(tmp_path: Path) -> None:
    cluster = Cluster(readings=[WELL])
    assert cure(Desk(tmp_path), cluster).ok
    assert cluster.changes == []


def test_a_job_with_a_slot_for_every_partition_is_not_scaled(tmp_path: Path) -> None:
    cluster = Cluster(readings=[replace(SLOW_JOB, job=replace(SLOW_JOB.job, parallelism=6))])
    with pytest.raises(PreconditionError, match="every one of the 6 partitions has a slot"):
        cure(Desk(tmp_path), cluster)
