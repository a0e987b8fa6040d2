"""The job's procedures on Kubernetes: the real procedures and adapters over a played cluster (`played_job`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.ops.world import Desk
from tests.unit.targets.played_job import JOB
from tests.unit.targets.played_ports import Installed, ports_of

from torghut.ops.errors import DriftError, PreconditionError, RefusedError, UnavailableError
from torghut.ops.procedure import Request
from torghut.ops.runner import Outcome
from torghut.ops.state import Phase
from torghut.runbooks.flink_rollback import FlinkRollback
from torghut.runbooks.flink_upgrade import FlinkUpgrade
from torghut.runbooks.ports import Change
from torghut.targets.kubernetes.place import Place

WHY = Change("because", "run-1/step")


def upgrade(directory: Path, installed: Installed, run: str = "r", **options: str) -> Outcome:
    procedure = FlinkUpgrade(ports_of(*installed))
    return (
        Desk(directory / "desk")
        .runner(procedure)
        .run("flink-upgrade", Request({"tag": "v2", "state": "savepoint", **options}), run)
    )


def roll_back(directory: Path, installed: Installed, run: str = "b", **options: str) -> Outcome:
    procedure = FlinkRollback(ports_of(*installed))
    return (
        Desk(directory / "desk")
        .runner(procedure)
        .run("flink-rollback", Request({"tag": "", "from": "latest", **options}), run)
    )


def running(installed: Installed) -> str:
    health = ports_of(*installed).job.health()
    assert health.works, health.reason
    return health.version


def file(place: Place) -> bytes:
    return place.git.content("deploy/overlays/drill/desired/kustomization.yaml") or b""


def test_another_version_is_deployed_from_a_savepoint_of_its_own(tmp_path: Path, installed: Installed) -> None:
    outcome = upgrade(tmp_path, installed)
    assert outcome.ok, outcome.what
    place, _, job = installed
    assert running(installed) == "v2"
    assert (job.starts[-1].rpartition("-")[0], len(job.starts)) == ("s3a://torghut-checkpoints/savepoints/savepoint", 2)
    assert ports_of(*installed).desired.drift() == ()
    assert b"newTag: v2" in file(place)


def test_who_tells_how_the_job_stands_is_told_the_version(tmp_path: Path, installed: Installed) -> None:
    assert upgrade(tmp_path, installed).ok
    status = installed[1].things["/apis/apps/v1/namespaces/torghut/deployments/ta-status"]
    variables = status["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "TA_TAG", "value": "v2"} in variables


def test_from_the_newest_checkpoint_the_operator_finds_the_state(tmp_path: Path, installed: Installed) -> None:
    outcome = upgrade(tmp_path, installed, state="latest")
    assert outcome.ok, outcome.what
    job = installed[2]
    assert (running(installed), "/checkpoints/first/" in job.starts[-1]) == ("v2", True)
    assert b"savepointRedeployNonce" not in file(installed[0])


@pytest.mark.parametrize("state", ["savepoint", "latest"])
@pytest.mark.parametrize("fault", ["bad", "absent"])
def test_a_version_that_does_not_run_is_taken_back_to_the_former_ones_newest_checkpoint(
    tmp_path: Path, installed: Installed, state: str, fault: str
) -> None:
    place, _, job = installed
    getattr(job, fault).add("v2")
    outcome = upgrade(tmp_path, installed, state=state)
    assert outcome.phase is Phase.UNDONE, outcome.what
    assert "version v2 came down" in outcome.what
    assert (running(installed), "/checkpoints/first/" in job.starts[-1]) == ("drill", True)
    assert job.passed_over == []
    assert ports_of(*installed).desired.drift() == ()
    assert b"newTag: drill" in file(place)


def test_the_former_version_comes_back_and_the_next_one_can_follow(tmp_path: Path, installed: Installed) -> None:
    for outcome in (upgrade(tmp_path, installed), roll_back(tmp_path, installed)):
        assert outcome.ok, outcome.what
    assert running(installed) == "drill"
    outcome = upgrade(tmp_path, installed, "next", tag="v3")
    assert (outcome.ok, running(installed)) == (True, "v3"), outcome.what


def test_it_goes_back_to_a_savepoint_that_somebody_names(tmp_path: Path, installed: Installed) -> None:
    assert upgrade(tmp_path, installed).ok
    (savepoint,) = (uri for uri in installed[2].saved if "savepoints" in uri)
    outcome = roll_back(tmp_path, installed, **{"from": savepoint})
    assert (outcome.ok, installed[2].starts[-1]) == (True, savepoint), outcome.what


def test_a_savepoint_that_is_not_there_is_no_way_back(tmp_path: Path, installed: Installed) -> None:
    assert upgrade(tmp_path, installed).ok
    with pytest.raises(PreconditionError, match="no complete savepoint or checkpoint at s3a://torghut-checkpoints/x"):
        roll_back(tmp_path, installed, **{"from": "s3a://torghut-checkpoints/x"})


def test_a_plan_changes_nothing(tmp_path: Path, installed: Installed) -> None:
    place, cluster, job = installed
    before = cluster.things[JOB.path], place.git.log()[0].sha, len(job.starts), dict(job.saved)
    procedure = FlinkUpgrade(ports_of(*installed))
    request = Request({"tag": "v2", "state": "savepoint"})
    plan = Desk(tmp_path / "desk").runner(procedure).plan("flink-upgrade", request, "p")
    assert plan.changes
    saved = {uri: at for uri, at in job.saved.items() if "savepoints" in uri}
    assert (cluster.things[JOB.path], place.git.log()[0].sha, len(job.starts), saved) == before


def test_a_savepoint_that_failed_is_named_and_nothing_is_deployed(tmp_path: Path, installed: Installed) -> None:
    installed[2].failing = "no space"
    outcome = upgrade(tmp_path, installed)
    assert not outcome.ok
    assert "flinkstatesnapshot/torghut/torghut-ta-r-savepoint-" in outcome.what
    assert ("no space" in outcome.what, running(installed), len(installed[2].starts)) == (True, "drill", 1)


def test_a_deployment_changed_by_hand_is_drift_and_is_named(tmp_path: Path, installed: Installed) -> None:
    there = installed[1].things[JOB.path]
    there["spec"]["image"] = "localhost/torghut-job:by-hand"
    with pytest.raises(DriftError, match=r"job\.tag: Git says drill, flinkdeployment/torghut/torghut-ta has by-hand"):
        upgrade(tmp_path, installed)


def test_an_operator_that_does_nothing_is_told_with_the_object(installed: Installed) -> None:
    installed[2].stuck = True
    ports_of(*installed).desired.apply({"job.parallelism": "2"}, WHY)
    health = ports_of(*installed).job.health()
    said = "flinkdeployment/torghut/torghut-ta is not taken up by the operator yet"
    assert (health.works, health.reason) == (False, said)
    assert not any(one.ready for one in ports_of(*installed).workloads.instances("job"))


def test_a_job_that_the_operator_calls_stable_and_flink_does_not_is_no_job_that_works(installed: Installed) -> None:
    installed[2].bad.add("drill")
    health = ports_of(*installed).job.health()
    assert installed[1].things[JOB.path]["status"]["lifecycleState"] == "STABLE"
    assert (health.works, health.reason, health.failures) == (
        False, "the job is RESTARTING: X: this version is bad", 3,
    )  # fmt: skip


def test_without_the_store_nothing_is_deployed(installed: Installed) -> None:
    """The way back would need it."""
    job = installed[2]
    keys, job.users = job.users, {}
    with pytest.raises(UnavailableError, match="does not take these keys"):
        ports_of(*installed).desired.apply({"job.submission": "x", "job.tag": "v2", "job.start_from": "latest"}, WHY)
    job.users = keys
    assert (running(installed), b"newTag: drill" in file(installed[0])) == ("drill", True)


def test_the_job_is_restarted_for_a_reason_that_its_pods_carry(installed: Installed) -> None:
    workloads = ports_of(*installed).workloads
    workloads.restart("job", WHY)
    found = workloads.instances("job")
    assert {(one.name.rpartition("-")[2], one.ready, one.token) for one in found} == {
        ("jobmanager", True, WHY.token),
        ("taskmanager", True, WHY.token),
    }


def test_a_setting_that_procedures_do_not_change_is_refused(installed: Installed) -> None:
    with pytest.raises(RefusedError, match=r"job\.setting\.TA_REVISION_S: nothing that procedures change"):
        ports_of(*installed).desired.apply({"job.setting.TA_REVISION_S": "1"}, WHY)


def test_without_a_job_that_is_said(tmp_path: Path, installed: Installed) -> None:
    del installed[1].things[JOB.path]
    with pytest.raises(PreconditionError, match="no job is deployed"):
        upgrade(tmp_path, installed)
    assert ports_of(*installed).workloads.instances("job") == ()
