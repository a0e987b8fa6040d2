"""minio-rotation, flink-upgrade and flink-rollback against a job in memory: done, undone, killed at every moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.ops.world import Desk, Fuse, Killed
from tests.unit.runbooks.cluster import BAD, FIRST, NEW, OLD, Cluster

from torghut.ops.approval import Nobody
from torghut.ops.errors import DriftError, PreconditionError
from torghut.ops.procedure import Procedure, Request
from torghut.ops.runner import Outcome
from torghut.ops.state import Phase
from torghut.runbooks.flink_rollback import FlinkRollback
from torghut.runbooks.flink_upgrade import FlinkUpgrade
from torghut.runbooks.minio_rotation import MinioRotation

Attempt = Callable[[Cluster], tuple[Procedure, Request]]


def rotate(cluster: Cluster) -> tuple[Procedure, Request]:
    return MinioRotation(cluster.ports()), Request({"savepoint": "yes"}, NEW)


def upgrade(cluster: Cluster, tag: str = "better", state: str = "savepoint") -> tuple[Procedure, Request]:
    return FlinkUpgrade(cluster.ports()), Request({"tag": tag, "state": state})


def upgrade_to_a_silent_one(cluster: Cluster) -> tuple[Procedure, Request]:
    return upgrade(cluster, "silent")


def upgrade_to_a_crashing_one(cluster: Cluster) -> tuple[Procedure, Request]:
    return upgrade(cluster, "crashes", "latest")


def go_back(cluster: Cluster) -> tuple[Procedure, Request]:
    return FlinkRollback(cluster.ports()), Request({"tag": "", "from": "latest"})


def run(desk: Desk, cluster: Cluster, attempt: Attempt, run_id: str = "r") -> Outcome:
    procedure, request = attempt(cluster)
    return desk.runner(procedure).run(procedure.name, request, run_id)


def deployment(cluster: Cluster) -> dict[str, str]:
    return {name: value for name, value in cluster.committed.items() if name.startswith("job.")}


# minio-rotation


def test_a_rotation_ends_with_the_new_user_alone(tmp_path: Path) -> None:
    cluster = Cluster()
    assert run(Desk(tmp_path), cluster, rotate).ok
    assert cluster.users == {NEW["access_key"]: NEW["secret_key"]}
    assert (cluster.secret, cluster.keys, cluster.works) == (NEW, NEW, True)


def test_keys_are_generated_when_none_are_given(tmp_path: Path) -> None:
    cluster = Cluster()
    procedure = MinioRotation(cluster.ports(), generate=lambda name: f"made-{name}-of-the-test")
    assert Desk(tmp_path).runner(procedure).run("minio-rotation", Request(), "r").ok
    assert cluster.users == {"made-access_key-of-the-test": "made-secret_key-of-the-test"}


def test_new_keys_that_can_read_another_bucket_are_taken_back_before_anything_uses_them(tmp_path: Path) -> None:
    cluster = Cluster(beyond=("payroll",))
    outcome = run(Desk(tmp_path), cluster, rotate)
    assert outcome.phase is Phase.UNDONE
    assert "can read payroll" in outcome.what
    assert (cluster.users, cluster.restarts) == ({OLD["access_key"]: OLD["secret_key"]}, [])


def test_without_a_yes_both_users_stay_and_resume_deletes_the_old_one(tmp_path: Path) -> None:
    cluster, desk = Cluster(), Desk(tmp_path)
    procedure, request = rotate(cluster)
    outcome = desk.runner(procedure, approver=Nobody()).run(procedure.name, request, "r")
    assert (outcome.waits, set(cluster.users)) == (True, {OLD["access_key"], NEW["access_key"]})
    assert desk.runner(procedure).resume("r").ok
    assert set(cluster.users) == {NEW["access_key"]}


def test_a_plan_with_the_keys_in_force_shows_nothing_to_change(tmp_path: Path) -> None:
    cluster, desk = Cluster(), Desk(tmp_path)
    run(desk, cluster, rotate)
    procedure, request = rotate(cluster)
    assert not desk.runner(procedure).plan(procedure.name, request, "s").changes


def test_keys_changed_by_hand_are_drift(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.committed["secret.s3"] = "digest:of-something-else"
    with pytest.raises(DriftError, match="somebody changed it by hand"):
        run(Desk(tmp_path), cluster, rotate)


def test_a_deleted_user_is_replaced_and_there_is_no_way_back(tmp_path: Path) -> None:
    cluster = Cluster(users={})
    cluster.keys = {"access_key": "x", "secret_key": "y"}
    cluster.users["x"] = "y"  # the job itself still runs
    procedure, request = rotate(cluster)
    desk = Desk(tmp_path)
    assert desk.runner(procedure).plan(procedure.name, request, "p").notes[0].startswith("the old keys do not work")
    assert run(desk, cluster, rotate).ok
    assert cluster.keys == NEW


# flink-upgrade and flink-rollback


@pytest.mark.parametrize("state", ["savepoint", "latest"])
def test_an_upgrade_ends_with_the_new_version_restored_from_what_was_asked_for(tmp_path: Path, state: str) -> None:
    cluster = Cluster()
    assert run(Desk(tmp_path), cluster, lambda cluster: upgrade(cluster, state=state)).ok
    assert (cluster.version, cluster.committed["job.tag"]) == ("better", "better")
    assert cluster.restored is not None
    savepoint = cluster.restored.uri in cluster.savepoints.values()
    assert savepoint is (state == "savepoint")


@pytest.mark.parametrize("tag", BAD)
@pytest.mark.parametrize("state", ["savepoint", "latest"])
def test_a_bad_version_goes_back_by_itself_to_the_deployment_before(tmp_path: Path, tag: str, state: str) -> None:
    cluster = Cluster()
    outcome = run(Desk(tmp_path), cluster, lambda cluster: upgrade(cluster, tag, state))
    assert outcome.phase is Phase.UNDONE
    assert (deployment(cluster), cluster.version, cluster.works) == (FIRST, "good", True)


def test_a_crashing_version_is_given_up_before_the_deadline(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    outcome = run(desk, Cluster(), upgrade_to_a_crashing_one)
    assert "came down 5 times: it came down" in outcome.what
    assert desk.clock.s < 60


def test_outside_of_trading_hours_nothing_has_to_come_out(tmp_path: Path) -> None:
    assert run(Desk(tmp_path), Cluster(trades=0), upgrade).ok


def test_an_upgrade_to_what_runs_changes_nothing(tmp_path: Path) -> None:
    cluster, desk = Cluster(), Desk(tmp_path)
    run(desk, cluster, upgrade)
    changes = list(cluster.changes)
    procedure, request = upgrade(cluster)
    assert not desk.runner(procedure).plan(procedure.name, request, "s").changes
    assert run(desk, cluster, upgrade, "s").ok
    assert cluster.changes == changes


def test_a_version_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="there is no version 'typo': wanted one of good, better"):
        run(Desk(tmp_path), Cluster(), lambda cluster: upgrade(cluster, "typo"))


def test_a_deployment_changed_by_hand_is_drift(tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=r"job\.tag: Git says"):
        run(Desk(tmp_path), Cluster(drifted=("job.tag: Git says good, in force is best",)), upgrade)


def test_a_rollback_goes_to_the_version_that_was_deployed_before(tmp_path: Path) -> None:
    cluster = Cluster()
    assert run(Desk(tmp_path), cluster, go_back).ok
    assert cluster.version == "best"


def test_a_rollback_from_a_named_savepoint_starts_there(tmp_path: Path) -> None:
    cluster = Cluster(written={"s3a://b/old": 5})
    outcome = run(
        Desk(tmp_path), cluster, lambda c: (FlinkRollback(c.ports()), Request({"tag": "best", "from": "s3a://b/old"}))
    )
    assert outcome.ok
    assert cluster.restored is not None
    assert cluster.restored.uri == "s3a://b/old"


def test_a_rollback_from_a_savepoint_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="no complete savepoint or checkpoint at s3a://b/gone"):
        run(Desk(tmp_path), Cluster(), lambda c: (FlinkRollback(c.ports()), Request({"from": "s3a://b/gone"})))


# Killed


@pytest.mark.parametrize("attempt", [rotate, upgrade, upgrade_to_a_silent_one, upgrade_to_a_crashing_one, go_back])
def test_killed_at_any_moment_and_resumed_it_ends_in_the_new_state_or_the_old_one(
    tmp_path: Path, attempt: Attempt
) -> None:
    for moment in range(1000):
        fuse = Fuse(moment)
        cluster, desk = Cluster(fuse=fuse), Desk(tmp_path / str(moment), fuse)
        try:
            run(desk, cluster, attempt)
        except Killed:
            fuse.left = None
            outcome = run(desk, cluster, attempt)
            if not outcome.phase.is_over:
                outcome = desk.runner(attempt(cluster)[0]).resume("r")
        else:
            break
        bad = attempt in {upgrade_to_a_silent_one, upgrade_to_a_crashing_one}
        assert outcome.phase is (Phase.UNDONE if bad else Phase.DONE), moment
        assert cluster.works, moment
        assert len(cluster.users) == 1, moment
        assert len(set(cluster.restarts)) == len(cluster.restarts), moment
        assert (deployment(cluster) == FIRST) is (bad or attempt is rotate), moment
        desk.journal().verify(desk.anchor)
    assert moment > 20
