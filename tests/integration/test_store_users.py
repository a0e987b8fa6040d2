"""Users of the real object store, asked at its desk: what their keys can do, and that they can be ended.

As the local stack asks, and as an installation on Kubernetes does, whose API server is played.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.unit.targets.played_cluster import coded
from tests.unit.targets.played_job import KEYS
from tests.unit.targets.played_ports import installation
from tools.deploy.programs import KUSTOMIZE

from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import ObjectStoreError
from torghut.platform.files import make_secret
from torghut.platform.golang import program_path
from torghut.platform.minio import server_command, server_environment
from torghut.platform.ports import LOOPBACK, free_port
from torghut.platform.store_desk import EnsureUser, FindSnapshots, Found, RemoveUser, Request, TryKeys
from torghut.platform.waiting import wait_until
from torghut.runbooks.job_ports import StoreReach
from torghut.stack.components import PACKAGE, locate
from torghut.stack.document import S3Endpoint
from torghut.stack.home import Home
from torghut.stack.services.minio import root_files, user_files
from torghut.targets.kubernetes.store import KubernetesStore, ObjectStore
from torghut.targets.local.store import desk

ACCESS, SECRET = "a-new-user", "a-secret-of-the-new-user"
SECRET_NAME = {"name": "torghut-minio", "namespace": "torghut"}


@dataclass(frozen=True)
class Store:
    """A store of our own."""

    home: Home
    endpoint: S3Endpoint

    def ask(self, request: Request) -> Found:
        return desk(self.home, self.endpoint).ask(request)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    components = locate(cache_directory())
    if not components.minio.is_file() or not components.environment.is_dir():
        pytest.skip("needs `make setup-job`: MinIO and the job's environment")
    home = Home(tmp_path_factory.mktemp("store"))
    files = tuple(map(str, (*root_files(home), *user_files(home))))
    for file in files:
        make_secret(Path(file))
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    server = subprocess.Popen(
        server_command(components.minio, home.data, port, free_port()),
        env={**os.environ, **server_environment(*root_files(home))},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _ready(url), 30, "MinIO to be ready", 0.2)
        provision = (components.python, "-m", "torghut.stack.provision_store", str(home.root), url)
        subprocess.run(provision, env={"PYTHONPATH": str(PACKAGE.parent)}, check=True, stdout=subprocess.DEVNULL)
        yield Store(home, S3Endpoint(url, "torghut", *files[2:]))
    finally:
        server.terminate()
        server.wait(10)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/minio/health/ready", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_a_new_users_keys_reach_the_bucket_of_checkpoints_and_no_other_until_it_is_removed(store: Store) -> None:
    assert store.ask(TryKeys(ACCESS, SECRET)) == Found(known=False)
    for _ in range(2):  # the second time changes nothing
        store.ask(EnsureUser(ACCESS, SECRET))
        assert store.ask(TryKeys(ACCESS, SECRET)) == Found(known=True, works=True)
    assert not store.ask(TryKeys(ACCESS, "another-secret-of-nobody")).known
    for _ in range(2):
        store.ask(RemoveUser(ACCESS))
        assert not store.ask(TryKeys(ACCESS, SECRET)).known


def test_keys_that_reach_other_buckets_are_found_out(store: Store) -> None:
    root = tuple(file.read_text().strip() for file in root_files(store.home))
    found = store.ask(TryKeys(*root))
    assert found.works
    assert found.beyond


def test_where_nothing_was_saved_no_snapshot_is_found(store: Store) -> None:
    assert store.ask(FindSnapshots("savepoints/nothing")).snapshots == ()


def test_a_store_that_does_not_answer_is_an_error_that_says_so(store: Store) -> None:
    away = S3Endpoint(f"http://{LOOPBACK}:{free_port()}", "torghut", "", "")
    with pytest.raises(ObjectStoreError, match="check that"):
        desk(store.home, away).ask(FindSnapshots("x"))


@pytest.fixture
def outside(store: Store, tmp_path: Path) -> Iterator[tuple[ObjectStore, dict[str, str]]]:
    """The store of a played installation, reached at an address of its own; and the job's keys."""
    if not program_path(cache_directory(), KUSTOMIZE).is_file():
        pytest.skip("needs `make setup-deploy`: kustomize")
    place, cluster = installation(tmp_path)
    keys = {name: file.read_text().strip() for name, file in zip(KEYS, user_files(store.home), strict=True)}
    cluster.put({"kind": "Secret", "metadata": SECRET_NAME, "data": coded(keys)})
    where = {"execution.checkpointing.dir": "s3a://torghut/checkpoints/first"}
    meta = {"name": "torghut-ta", "namespace": "torghut"}
    cluster.put({"kind": "FlinkDeployment", "metadata": meta, "spec": {"flinkConfiguration": where}})
    access, secret = map(str, root_files(store.home))
    brought = {"S3_ADMIN_ACCESS_KEY_FILE": access, "S3_ADMIN_SECRET_KEY_FILE": secret}
    yield ObjectStore(place, {"S3_ENDPOINT": store.endpoint.endpoint, **brought}), keys
    place.api.close()


def test_an_installations_users_are_made_and_removed_by_the_administrator_that_a_person_is(
    outside: tuple[ObjectStore, dict[str, str]],
) -> None:
    users, fresh = KubernetesStore(outside[0]), {"access_key": "another-new-user", "secret_key": "its-secret-key"}
    assert not users.reach(fresh).known
    users.ensure(fresh)
    assert users.reach(fresh) == StoreReach(known=True, works=True)
    users.remove(fresh["access_key"])
    assert not users.reach(fresh).known


def test_an_installations_state_is_found_with_the_jobs_own_keys(
    store: Store, outside: tuple[ObjectStore, dict[str, str]]
) -> None:
    there, keys = outside
    program = (
        "import sys; from io import BytesIO; from torghut.platform.s3 import Bucket, Keys\n"
        "bucket = Bucket(sys.argv[1], 'torghut', Keys(*sys.stdin.read().split()))\n"
        "for n in (1, 2):\n"
        "    bucket._client.put_object('torghut', f'checkpoints/first/j/chk-{n}/_metadata', BytesIO(b'x'), 1)"
    )
    python = locate(cache_directory()).python
    told = "\n".join(keys.values()).encode()
    environment = {"PYTHONPATH": str(PACKAGE.parent)}
    subprocess.run((python, "-c", program, store.endpoint.endpoint), input=told, env=environment, check=True)
    found = [one.uri for one in there.snapshots("checkpoints/first")]
    assert sorted(found) == [f"s3a://torghut/checkpoints/first/j/chk-{n}" for n in (1, 2)]
    assert there.snapshots("checkpoints/second") == ()
