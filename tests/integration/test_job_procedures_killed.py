"""The job's procedures on the real store and job: killed within every act, with those they talk to, and searched.

A slower tier of its own (`make test-killed`). A restart of the job takes a minute: one run is killed in all its acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.killing import (
    assert_nothing_lost,
    killed_within_every_act,
    made,
    report_of,
    with_a_kill_of,
)
from tests.integration.overheard import Overheard, leaks, processes_watched, secrets_of
from tests.integration.stacks import quiet

from torghut.ops.state import Phase
from torghut.stack.home import Home
from torghut.stack.start import Wish, down, up
from torghut.stack.submission import prepare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

SERVICES = ("kafka", "sim", "forwarder", "minio", "jobmanager", "taskmanager", "ta")
CONDITIONS = {
    "minio-rotation/due": Phase.DONE,
    "flink-upgrade/good": Phase.DONE,
    "flink-upgrade/crashes": Phase.UNDONE,
    "flink-rollback/latest": Phase.DONE,
    "kafka-rotation/second-user": Phase.DONE,
    "lag-spike/muted-socket": Phase.DONE,
    "lag-spike/job-too-slow": Phase.DONE,
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("job"))
    try:
        up(home, Wish(rate=200.0, only=SERVICES, ta=prepare(home, "first")), quiet, leash=True)
        with processes_watched(home):
            yield home
    finally:
        down(home, quiet)


@pytest.fixture(scope="module")
def planted() -> set[str]:
    """Every secret that there was so far."""
    return set()


@pytest.fixture
def scene(ground: Home, tmp_path: Path, planted: set[str]) -> Overheard:
    return Overheard(ground, tmp_path, planted=planted)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_procedure_of_the_job_killed_within_every_act_loses_and_doubles_no_bar(scene: Overheard, name: str) -> None:
    run_id = name.replace("/", "-")
    with made(scene, name) as drill:
        killed = killed_within_every_act(scene, run_id, *drill.command(scene))
        report = report_of(scene, run_id)
        assert report.phase == CONDITIONS[name], report.why
        assert drill.judge(scene, 0 if report.phase == Phase.DONE else 1) is None
    assert killed
    assert_nothing_lost(report)


@pytest.mark.parametrize(
    ("name", "process"),
    [("minio-rotation/due", "minio"), ("flink-upgrade/good", "jobmanager"), ("flink-upgrade/good", "taskmanager")],
)
def test_what_a_procedure_of_the_job_talks_to_may_die_at_any_moment(scene: Overheard, name: str, process: str) -> None:
    with made(scene, name) as drill:
        assert_nothing_lost(with_a_kill_of(scene, process, f"{process}-dies", *drill.command(scene)))


def test_secrets_of_the_store_and_the_job_are_nowhere_but_where_they_are_kept(scene: Overheard) -> None:
    """After all of the above: every secret there was, searched for in everything that was said, written or visible."""
    planted = scene.planted | secrets_of(scene.home)
    assert len(planted) > 4
    assert leaks(scene.home, planted) == []
