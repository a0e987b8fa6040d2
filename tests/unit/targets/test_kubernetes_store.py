"""minio-rotation on Kubernetes: the real procedure and adapters over a played cluster and store (`played_job`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.ops.world import Desk, Yes
from tests.unit.targets.played_job import KEYS, PlayedStore
from tests.unit.targets.played_ports import Installed, ports_of

from torghut.ops.errors import RefusedError
from torghut.ops.procedure import Request
from torghut.ops.runner import Outcome
from torghut.ops.state import Phase
from torghut.runbooks.minio_rotation import MinioRotation
from torghut.runbooks.ports import Change
from torghut.targets.kubernetes.store import KubernetesStore, ObjectStore

WHY = Change("because", "run-1/step")
FIRST = {"access_key": KEYS["fs.s3a.access.key"], "secret_key": KEYS["fs.s3a.secret.key"]}
SEALED = "deploy/overlays/drill/secrets/minio.yaml"


def rotate(directory: Path, installed: Installed, yes: Yes | None = None, savepoint: str = "no") -> Outcome:
    procedure = MinioRotation(ports_of(*installed))
    runner = Desk(directory / "desk").runner(procedure, approver=yes)
    return runner.run("minio-rotation", Request({"savepoint": savepoint}), "r")


def keys(installed: Installed) -> dict[str, str]:
    return dict(ports_of(*installed).secrets.read("s3"))


def test_the_job_gets_keys_of_a_new_user_and_the_old_one_is_gone(tmp_path: Path, installed: Installed) -> None:
    outcome = rotate(tmp_path, installed)
    assert outcome.ok, outcome.what
    _, _, job = installed
    assert list(job.users) == [keys(installed)["access_key"]]
    assert (keys(installed) != FIRST, job.works, len(job.starts)) == (True, True, 2)
    assert ports_of(*installed).desired.drift() == ()


def test_the_new_keys_are_sealed_in_git_and_stand_nowhere_else(tmp_path: Path, installed: Installed) -> None:
    before = installed[0].git.content(SEALED)
    assert rotate(tmp_path, installed).ok
    place, secret = installed[0], keys(installed)["secret_key"].encode()
    assert place.git.content(SEALED) != before
    files = [path for path in place.repository.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert not any(secret in path.read_bytes() for path in files)


def test_with_a_savepoint_that_is_taken_before_the_restart(tmp_path: Path, installed: Installed) -> None:
    outcome = rotate(tmp_path, installed, savepoint="yes")
    assert outcome.ok, outcome.what
    assert any("savepoints" in uri for uri in installed[2].saved)


def test_without_a_yes_both_users_work(tmp_path: Path, installed: Installed) -> None:
    outcome = rotate(tmp_path, installed, Yes(yes=False))
    assert (outcome.waits, len(installed[2].users)) == (True, 2)
    store = ports_of(*installed).store
    assert store.reach(FIRST).works
    assert store.reach(keys(installed)).works


def test_a_job_that_does_not_come_back_has_its_first_keys_again(tmp_path: Path, installed: Installed) -> None:
    installed[2].wants = FIRST["access_key"]
    outcome = rotate(tmp_path, installed)
    assert outcome.phase is Phase.UNDONE, outcome.what
    assert (keys(installed), list(installed[2].users)) == (FIRST, [FIRST["access_key"]])
    assert installed[2].works


def test_without_the_administrators_keys_nothing_is_changed_and_it_is_said_what_to_bring(
    installed: Installed,
) -> None:
    place, _, job = installed
    with pytest.raises(RefusedError, match=r"S3_ADMIN_ACCESS_KEY is not set.*(?s:.)*S3_ADMIN_SECRET_KEY_FILE"):
        KubernetesStore(PlayedStore(place, {}, job)).ensure(FIRST)


def test_the_administrators_keys_may_be_files(tmp_path: Path, installed: Installed) -> None:
    place, _, job = installed
    (tmp_path / "access").write_text("root\n")
    (tmp_path / "secret").write_text("root-secret\n")
    environment = {
        "S3_ADMIN_ACCESS_KEY_FILE": str(tmp_path / "access"),
        "S3_ADMIN_SECRET_KEY_FILE": str(tmp_path / "secret"),
    }
    assert KubernetesStore(PlayedStore(place, environment, job)).reach(FIRST).works


def test_the_store_is_where_the_environment_says_and_else_where_the_job_finds_it(installed: Installed) -> None:
    place = installed[0]
    assert ObjectStore(place, {}).where() == ("http://minio.minio.svc:9000", "torghut-checkpoints")
    assert ObjectStore(place, {"S3_ENDPOINT": "https://outside"}).where()[0] == "https://outside"
