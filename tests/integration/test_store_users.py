"""Users of the real object store, asked at the stack's desk: what their keys can do, and that they can be ended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import ObjectStoreError
from torghut.platform.files import make_secret
from torghut.platform.minio import server_command, server_environment
from torghut.platform.ports import LOOPBACK, free_port
from torghut.platform.store_desk import EnsureUser, FindSnapshots, Found, RemoveUser, Request, TryKeys
from torghut.platform.waiting import wait_until
from torghut.stack.components import PACKAGE, locate
from torghut.stack.document import S3Endpoint
from torghut.stack.home import Home
from torghut.stack.services.minio import root_files, user_files
from torghut.targets.local.store import desk

ACCESS, SECRET = "a-new-user", "a-secret-of-the-new-user"


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
