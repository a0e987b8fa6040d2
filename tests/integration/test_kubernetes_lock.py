"""One procedure at a time on an installation, whatever machines people sit at: a real API server's Lease.

`make test-deploy` builds the server and runs this.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.apiservers import SPACE
from tools.deploy.apiserver import ApiServer, kubeconfig

from torghut.ops.errors import HeldError
from torghut.ops.lock import FileLock
from torghut.platform.git import Repository
from torghut.platform.kubernetes.access import log_in
from torghut.platform.kubernetes.api import Api
from torghut.stack.home import Home
from torghut.targets.kubernetes.lock import NAME, TERM_S, LeaseLock
from torghut.targets.kubernetes.place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def place(server: ApiServer, tmp_path: Path) -> Iterator[Place]:
    """By the rights of whoever runs procedures."""
    token = server.kubectl("create", "token", "procedures", "--namespace", SPACE).strip()
    (tmp_path / "kubeconfig").write_bytes(kubeconfig(server.url, server.certificates.ca, "procedures", token))
    Repository.make(tmp_path / "clone")
    access = log_in(kubeconfig=tmp_path / "kubeconfig")
    api = Api(access.client())
    yield Place(Home(tmp_path / "home"), access, api, SPACE, tmp_path / "clone", "drill")
    api.close()


def on_machine(place: Place, name: str) -> LeaseLock:
    """The lock as a machine has it: its own file, and the Lease that all share."""
    return LeaseLock(place, FileLock(place.home.root / name / "lock"))


def holder(server: ApiServer) -> str:
    return server.kubectl("get", "lease", NAME, "-n", SPACE, "-o", "jsonpath={.spec.holderIdentity}")


def patch(server: ApiServer, change: str) -> None:
    server.kubectl("patch", "lease", NAME, "-n", SPACE, "--type=merge", "-p", change)


def test_the_second_machine_is_told_who_works_while_the_first_does(place: Place, server: ApiServer) -> None:
    with on_machine(place, "first").held("run a, by ann"):
        assert holder(server).startswith("run a, by ann at ")
        with pytest.raises(HeldError, match="run a, by ann"), on_machine(place, "second").held("run b, by bob"):
            pass
    assert holder(server) == ""
    with on_machine(place, "second").held("run b, by bob"):
        assert holder(server).startswith("run b, by bob at ")


def test_a_dead_holder_s_term_is_waited_for_and_no_longer(place: Place, server: ApiServer) -> None:
    dead = f'{{"spec": {{"holderIdentity": "run a, by ann", "leaseDurationSeconds": {TERM_S:.0f}}}}}'
    patch(server, dead)
    begun = time.monotonic()
    with on_machine(place, "second").held("run b, by bob"):
        assert TERM_S <= time.monotonic() - begun < 2 * TERM_S


def test_a_run_whose_lease_was_taken_is_stopped(place: Place, server: ApiServer) -> None:
    def work() -> None:
        with on_machine(place, "first").held("run a, by ann"):
            patch(server, '{"spec": {"holderIdentity": "bob"}}')
            time.sleep(3 * TERM_S)  # as a step that waits

    begun = time.monotonic()
    with pytest.raises(HeldError, match="the run was stopped where it was, resume it"):
        work()
    assert time.monotonic() - begun < TERM_S
    patch(server, '{"spec": {"holderIdentity": null}}')
