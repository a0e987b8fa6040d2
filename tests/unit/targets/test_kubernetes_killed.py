"""The job's procedures on Kubernetes, killed before and after every change of the cluster, the store and Git."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.unit.ops.world import Desk, Fuse, Killed
from tests.unit.targets.played_cluster import FIRST_OF_JOB
from tests.unit.targets.played_job import KEYS
from tests.unit.targets.played_ports import Installed, ports_of, with_job

from torghut.ops.procedure import Procedure, Request
from torghut.ops.state import Phase
from torghut.runbooks.flink_rollback import FlinkRollback
from torghut.runbooks.flink_upgrade import FlinkUpgrade
from torghut.runbooks.kafka_rotation import IN_PLACE, SECOND, KafkaRotation
from torghut.runbooks.minio_rotation import MinioRotation
from torghut.runbooks.ports import Ports
from torghut.targets.kubernetes.place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

Make = Callable[[Ports], Procedure]
RUNS: list[tuple[Make, dict[str, str]]] = [
    (FlinkUpgrade, {"tag": "v2", "state": "savepoint"}),
    (FlinkUpgrade, {"tag": "v2", "state": "latest"}),
    (FlinkUpgrade, {"tag": "v2", "state": "savepoint", "emergency": "yes"}),
    (FlinkRollback, {"tag": "v2", "from": "latest"}),
    (MinioRotation, {"savepoint": "yes"}),
    (KafkaRotation, {"way": SECOND, "roles": "ta"}),
    (KafkaRotation, {"way": IN_PLACE, "roles": "ta"}),
]


@pytest.fixture
def fuse(monkeypatch: pytest.MonkeyPatch) -> Fuse:
    """That of whichever cluster there is, and of Git besides."""
    found, commit = Fuse(), Place.commit

    def with_sparks(place: Place, files: Mapping[str, bytes], message: str) -> None:
        found.spark()
        commit(place, files, message)
        found.spark()

    monkeypatch.setattr(Place, "commit", with_sparks)
    return found


def version(installed: Installed) -> str:
    health = ports_of(*installed).job.health()
    assert health.works, health.reason
    return health.version


@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize(("make", "options"), RUNS)
def test_killed_at_any_moment_and_resumed_it_ends_in_the_new_state_or_the_old_one(
    tmp_path: Path,
    programs: None,  # noqa: ARG001 - they have to be there
    fuse: Fuse,
    make: Make,
    options: dict[str, str],
    *,
    bad: bool,
) -> None:
    """One run for each moment."""
    for moment in range(1000):
        fuse.left = None
        there = with_job(tmp_path / str(moment))
        place, cluster, job = there
        cluster.fuse = fuse
        if bad:
            job.bad.add("v2")
            job.wants, job.only = KEYS["fs.s3a.access.key"], (FIRST_OF_JOB["username"], FIRST_OF_JOB["password"])
        desk, request = Desk(tmp_path / str(moment) / "desk"), Request(options)
        fuse.left = moment
        try:
            name = make(ports_of(*there)).name
            desk.runner(make(ports_of(*there))).run(name, request, "r")
        except Killed:
            fuse.left = None
            outcome = desk.runner(make(ports_of(*there))).run(name, request, "r")
            if not outcome.phase.is_over:
                outcome = desk.runner(make(ports_of(*there))).resume("r")
        else:
            break
        rotation = name.endswith("-rotation")
        assert outcome.phase is (Phase.UNDONE if bad else Phase.DONE), (moment, outcome.what)
        assert version(there) == ("drill" if bad or rotation else "v2"), moment
        assert (len(job.users), len(cluster.users)) == (1, 3), moment
        assert len([uri for uri in job.saved if "savepoints" in uri]) <= 1, moment
        assert (job.passed_over, ports_of(*there).desired.drift()) == ([], ()), moment
        place.api.close()
    assert moment >= 6
