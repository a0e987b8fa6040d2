"""Real components for all integration tests: one broker for the session, topics of its own for each test, and whole
stacks for those who ask. Nothing here is a fake.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.apiservers import prepared_server
from tests.integration.stacks import StackFactory, fresh_topics, quiet
from tools.deploy.apiserver import ApiServer

from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, up


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A real Kafka with TLS, SCRAM and ACLs, for the whole session.

    `broker.environment(role, topic_prefix)` gives the variables for forwarder, ta, audit or admin, `broker.kafka(...)`
    the settings; `broker.stop("kafka")`, `start`, `kill`, `pause`, `resume` disturb it. Who stops it starts it again.
    """
    home = Home(tmp_path_factory.mktemp("broker"))
    try:
        up(home, Wish(only=("kafka",)), quiet, leash=True)
        yield RunningStack(home)
    finally:
        down(home, quiet)


@pytest.fixture
def topic_prefix(broker: RunningStack) -> Iterator[str]:
    """A fresh TOPIC_PREFIX whose topics and permissions exist; they are removed after the test."""
    with fresh_topics(broker) as prefix:
        yield prefix


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StackFactory]:
    """Starts whole stacks: `stack(feed="sim", only=("kafka", "sim"))`, each in its own home; ended after the test."""
    homes: list[Home] = []

    def start(**wish: Any) -> RunningStack:
        home = Home(tmp_path / f"home-{len(homes)}")
        homes.append(home)
        up(home, Wish(**wish), quiet, leash=True)
        return RunningStack(home)

    yield start
    for home in homes:
        down(home, quiet)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server of a module of tests, with what `prepared_server` says."""
    with prepared_server(tmp_path_factory.mktemp("api")) as running:
        yield running
