"""lag-spike on Kubernetes: the real procedure, adapters and diagnosis over played figures (`played_lag`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.ops.world import Desk
from tests.unit.targets.played_lag import PlayedLag, PlayedTopics
from tests.unit.targets.played_ports import Installed, ports_of

from torghut.ops.errors import UnavailableError
from torghut.ops.procedure import Request
from torghut.ops.runner import Outcome
from torghut.runbooks import doctor
from torghut.runbooks.lag_diagnosis import Cause, diagnose
from torghut.runbooks.lag_spike import LagSpike
from torghut.targets import lag_figures
from torghut.targets.kubernetes.job_objects import job_values


@pytest.fixture
def lag(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedLag]:
    monkeypatch.setattr(lag_figures, "TopicReader", PlayedTopics)
    monkeypatch.setattr(lag_figures, "SPAN_S", 0.02)
    yield PlayedLag(*installed)
    PlayedLag.unquoted = False


def spike(directory: Path, installed: Installed) -> Outcome:
    procedure = LagSpike(ports_of(*installed))
    return Desk(directory / "desk").runner(procedure).run("lag-spike", Request(), "l")


def cause(installed: Installed) -> Cause | None:
    return diagnose(ports_of(*installed).lag.read()).cause


def test_where_all_is_well_nothing_is_late(installed: Installed, lag: PlayedLag) -> None:  # noqa: ARG001 - it shows
    reading = ports_of(*installed).lag.read()
    assert diagnose(reading).cause is None
    assert (reading.feed.reason, set(reading.feed.messages), reading.broker.queued) == ("ok", {"trades", "quotes"}, 3)
    assert [one.number for one in reading.job.partitions] == [0, 1, 2]
    assert all(one.trades and one.quotes and not one.backlog for one in reading.job.partitions)
    job = reading.job
    assert (job.parallelism, job.bound_ms, job.idle_ms, job.checkpoint_ms) == (1, 2000, 30_000, 40.0)


def test_a_partition_that_is_waited_for_is_waited_for_no_longer(
    tmp_path: Path, installed: Installed, lag: PlayedLag
) -> None:
    type(lag).unquoted = True
    assert cause(installed) is Cause.IDLE
    outcome = spike(tmp_path, installed)
    assert outcome.ok, outcome.what
    place, _, job = installed
    assert job_values(place)["job.setting.TA_IDLE_TIMEOUT_MS"] == "2000"
    assert ("savepoints" in job.starts[-1], cause(installed)) == (True, None)
    assert ports_of(*installed).desired.drift() == ()


def test_a_job_that_does_not_keep_up_gets_twice_the_slots(tmp_path: Path, installed: Installed, lag: PlayedLag) -> None:
    lag.slow = True
    assert cause(installed) is Cause.JOB
    outcome = spike(tmp_path, installed)
    assert outcome.ok, outcome.what
    assert (job_values(installed[0])["job.parallelism"], cause(installed)) == ("2", None)


def test_a_muted_socket_is_opened_anew(tmp_path: Path, installed: Installed, lag: PlayedLag) -> None:
    lag.muted = True
    assert cause(installed) is Cause.MUTED
    outcome = spike(tmp_path, installed)
    assert outcome.ok, outcome.what
    assert (installed[1].restarts, len(installed[2].starts)) == (1, 1)


def test_a_slow_broker_is_strimzis_to_restart_and_the_command_is_told(
    tmp_path: Path, installed: Installed, lag: PlayedLag
) -> None:
    lag.produce_s = 2.0
    assert cause(installed) is Cause.BROKER
    outcome = spike(tmp_path, installed)
    assert not outcome.ok
    assert "kafka/kafka/torghut" in outcome.what
    assert "strimzi.io/manual-rolling-update=true" in outcome.what


def test_a_job_that_is_down_is_told_as_that(installed: Installed, lag: PlayedLag) -> None:  # noqa: ARG001 - it shows
    installed[2].bad.add("drill")
    found = diagnose(ports_of(*installed).lag.read())
    assert (found.cause, found.evidence) == (Cause.JOB_DOWN, ("the job is RESTARTING",))


def test_the_doctor_looks_at_lag(installed: Installed, lag: PlayedLag) -> None:
    type(lag).unquoted = True
    (remark,) = doctor.lag(ports_of(*installed))
    assert (remark.cause, remark.procedure) == ("idle-partition", "lag-spike")


def test_without_a_job_there_is_none_to_be_late(installed: Installed) -> None:
    installed[1].things = {path: one for path, one in installed[1].things.items() if "/flinkdeployments/" not in path}
    (remark,) = doctor.lag(ports_of(*installed))
    assert (remark.what, remark.cause) == ("no job is deployed", "")
    with pytest.raises(UnavailableError, match="there is no flinkdeployment/torghut/torghut-ta"):
        ports_of(*installed).lag.read()
