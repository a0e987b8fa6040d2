"""Real forwarders that meet in a Lease of a real API server: one is active, whoever dies and however.

They run in mount namespaces of their own, where the service account stands as the kubelet would have mounted it (root).
Kafka and Alpaca are not needed for who is active, and are not there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest
from tests.integration.apiservers import LEASE, free_the_lease, mount_account, pod_environment
from tools.deploy.apiserver import ApiServer

from torghut.forwarder.service import EXIT_LEASE_LOST
from torghut.platform.ports import free_port
from torghut.platform.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="mount namespaces need root"),
]

TTL_S: Final = 3.0
DEADLINE_S: Final = 60.0
MOUNT: Final = "/run/secrets/kubernetes.io/serviceaccount"
INSIDE: Final = f'mount -t tmpfs none /run && mkdir -p {MOUNT} && cp "$0"/* {MOUNT} && exec "$@"'


class Instance:
    """A forwarder process, as its health port shows it."""

    def __init__(self, name: str, server: ApiServer, account: Path, log: Path) -> None:
        self.port = free_port()
        environment = {
            **pod_environment(server),
            "PATH": os.environ["PATH"],
            "INSTANCE": name,
            "LEASE_NAME": LEASE,
            "LEASE_TTL_S": str(TTL_S),
            "KAFKA_DELIVERY_TIMEOUT_MS": "1500",
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "ALPACA_KEY_ID": "none",
            "ALPACA_SECRET_KEY": "none",
            "SYMBOLS": "AAPL",
            "HEALTH_PORT": str(self.port),
            "METRICS_PORT": str(self.port),
        }
        command = ["unshare", "--mount", "sh", "-c", INSIDE, str(account), sys.executable, "-m", "torghut", "forwarder"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)

    @property
    def role(self) -> str:
        """`active`, `standby`, or nothing while it does not answer."""
        try:
            found = httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).json()
        except httpx.HTTPError:
            return ""
        return str(found["role"])

    def becomes(self, role: str) -> None:
        """Wait until it says so."""
        wait_until(lambda: self.role == role, DEADLINE_S, f"the role {role}", 0.1)

    def end(self) -> None:
        """Kill it if it is still there."""
        self.process.kill()
        self.process.wait()


Start = Callable[[str], Instance]


@pytest.fixture
def start(server: ApiServer, tmp_path: Path) -> Iterator[Start]:
    free_the_lease(server)
    account = tmp_path / "account"
    account.mkdir()
    mount_account(server, account)
    with ExitStack() as ends:

        def instance(name: str) -> Instance:
            one = Instance(name, server, account, tmp_path / f"{name}.log")
            ends.callback(one.end)
            return one

        yield instance


def test_one_is_active_and_a_killed_one_is_succeeded_and_one_that_leaves_too(start: Start) -> None:
    one = start("one")
    one.becomes("active")
    two = start("two")
    two.becomes("standby")
    assert one.role == "active"
    one.process.kill()
    two.becomes("active")
    three = start("three")
    three.becomes("standby")
    two.process.send_signal(signal.SIGTERM)
    three.becomes("active")
    assert two.process.wait(timeout=DEADLINE_S) == 0


def test_a_paused_one_is_succeeded_and_leaves_when_it_wakes(start: Start) -> None:
    one, two = start("one"), None
    one.becomes("active")
    two = start("two")
    two.becomes("standby")
    one.process.send_signal(signal.SIGSTOP)
    two.becomes("active")
    one.process.send_signal(signal.SIGCONT)
    assert one.process.wait(timeout=DEADLINE_S) == EXIT_LEASE_LOST
    assert two.role == "active"
