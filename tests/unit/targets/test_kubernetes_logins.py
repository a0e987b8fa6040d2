"""kafka-rotation of the job on Kubernetes: the real procedure and adapters over the played cluster and job."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.unit.ops.world import Desk
from tests.unit.targets.played_cluster import FIRST_OF_JOB
from tests.unit.targets.played_ports import Installed, ports_of

from torghut.ops.procedure import Request
from torghut.ops.runner import Outcome
from torghut.ops.state import Phase
from torghut.platform.kubernetes.api import DEPLOYMENT, Ref
from torghut.runbooks.kafka_rotation import IN_PLACE, SECOND, KafkaRotation

FILE = "deploy/overlays/drill/secrets/kafka-ta.yaml"
STATUS = Ref(DEPLOYMENT, "torghut", "ta-status")
FIRST = (FIRST_OF_JOB["username"], FIRST_OF_JOB["password"])


def rotate(directory: Path, installed: Installed, way: str, roles: str) -> Outcome:
    procedure = KafkaRotation(ports_of(*installed))
    request = Request({"way": way, "roles": roles})
    return Desk(directory / "desk").runner(procedure).run("kafka-rotation", request, "r")


def of_status(installed: Installed) -> str:
    """As whom the one that tells how the job stands logs in."""
    template = installed[1].things[STATUS.path]["spec"]["template"]["spec"]
    return next(str(one["value"]) for one in template["containers"][0]["env"] if one["name"] == "KAFKA_USERNAME")


def test_the_job_and_who_tells_of_it_move_to_a_second_user_and_the_first_is_gone(
    tmp_path: Path, installed: Installed
) -> None:
    outcome = rotate(tmp_path, installed, SECOND, "ta")
    assert outcome.ok, outcome.what
    place, cluster, job = installed
    assert (job.login[0], job.works, of_status(installed), len(job.starts)) == ("torghut-ta-2", True, "torghut-ta-2", 2)
    assert cluster.users.keys() == {"torghut-ta-2", "torghut-forwarder", "torghut-audit"}
    assert set(yaml.safe_load(place.git.content(FILE) or b"")["spec"]["encryptedData"]) == {"torghut-ta-2"}
    assert (cluster.restarts, ports_of(*installed).desired.drift()) == (0, ())


def test_the_jobs_user_gets_another_password_and_both_are_restarted(tmp_path: Path, installed: Installed) -> None:
    outcome = rotate(tmp_path, installed, IN_PLACE, "ta")
    assert outcome.ok, outcome.what
    job = installed[2]
    assert (job.login[0], job.login != FIRST, job.works) == ("torghut-ta", True, True)
    template = installed[1].things[STATUS.path]["spec"]["template"]["metadata"]
    (pods, *_) = ports_of(*installed).workloads.instances("job")
    assert template["annotations"]["torghut/restarted-for"] == pods.token


def test_forwarder_and_job_move_together_by_default(tmp_path: Path, installed: Installed) -> None:
    outcome = rotate(tmp_path, installed, SECOND, "")
    assert outcome.ok, outcome.what
    assert installed[1].users.keys() == {"torghut-ta-2", "torghut-forwarder-2", "torghut-audit"}
    assert ports_of(*installed).desired.drift() == ()


@pytest.mark.parametrize("way", [SECOND, IN_PLACE])
def test_a_job_that_does_not_come_back_has_its_first_login_again(
    tmp_path: Path, installed: Installed, way: str
) -> None:
    _, cluster, job = installed
    job.only = FIRST
    outcome = rotate(tmp_path, installed, way, "ta")
    assert outcome.phase is Phase.UNDONE, outcome.what
    assert (job.login, job.works, of_status(installed)) == (FIRST, True, "torghut-ta")
    assert (cluster.users["torghut-ta"], "torghut-ta-2" in cluster.users) == (FIRST[1], False)
