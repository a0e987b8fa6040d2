"""The job's procedures on the real store and job: one run of each, killed within every one of its acts.

A slower tier of its own: a restart of the job takes a minute, so each run is killed and resumed again and again.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from tests.integration.stacks import quiet
from tests.integration.test_procedures_killed import assert_done, command, kill_within, lines

from torghut.drills import flink, versions
from torghut.drills.play import wait_steady
from torghut.drills.scene import Scene
from torghut.ops.report import RunReport
from torghut.ops.state import Event, Phase
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.start import Wish, down, up
from torghut.stack.submission import prepare
from torghut.targets.local.target import ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SERVICES = ("kafka", "sim", "forwarder", "minio", "jobmanager", "taskmanager", "ta")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = Home(tmp_path_factory.mktemp("job"))
    try:
        up(home, Wish(rate=200.0, only=SERVICES, ta=prepare(home, "first")), quiet, leash=True)
        yield Scene(home, tmp_path_factory.mktemp("scratch"))
    finally:
        down(home, quiet)


def killed_within_each(scene: Scene, run_id: str, acts: tuple[str, ...], *request: str) -> RunReport:
    """One run that is killed within each of these acts, and resumed until it is over."""
    process = command(scene, "run", *request, "--yes", "--id", run_id)
    for step in acts:
        kill_within(scene, run_id, step, process)
        process = command(scene, "resume", run_id, "--yes")
    process.communicate(timeout=900)
    return report_of(scene, run_id)


def report_of(scene: Scene, run_id: str) -> RunReport:
    runs = msgspec.json.decode(scene.torghut("runbook", "history", "--json").stdout, type=list[RunReport])
    return next(run for run in runs if run.id == run_id)


def test_minio_rotation_killed_within_every_act_ends_with_the_new_user_and_nothing_lost(scene: Scene) -> None:
    wait_steady(scene.stack)
    target = ports(scene.home)
    old = dict(target.secrets.read("s3"))
    acts = ("create-user", "seal", "restart", "delete-old-user")
    assert_done(killed_within_each(scene, "keys", acts, "minio-rotation"))
    assert not target.store.reach(old).known
    assert target.store.reach(target.secrets.read("s3")).works
    assert scene.torghut("runbook", "history", "--verify").code == 0


def test_flink_upgrade_killed_within_every_act_ends_with_the_new_version_and_no_bar_lost(scene: Scene) -> None:
    wait_steady(scene.stack)
    tag = versions.install(scene, "killed", flink.deployment(scene)["job.tag"], versions.PLAIN)
    report = killed_within_each(scene, "upgrade", ("savepoint", "deploy"), "flink-upgrade", "--set", f"tag={tag}")
    assert_done(report)
    assert (report.figures["bars_missing"], report.figures["bars_doubled"]) == (0, 0)
    assert ports(scene.home).job.health().version == tag


def test_a_bad_version_whose_undo_is_killed_too_ends_with_the_deployment_before(scene: Scene) -> None:
    wait_steady(scene.stack)
    before = flink.deployment(scene)
    tag = versions.install(scene, "bad", before["job.tag"], versions.CRASHING)
    process = command(scene, "run", "flink-upgrade", "--set", f"tag={tag}", "--yes", "--id", "bad")
    wait_until(
        lambda: any((line.note.run, line.note.event) == ("bad", Event.UNDOING) for line in lines(scene)),
        600,
        "the undo to begin",
        0.01,
    )
    process.kill()
    process.wait(10)
    scene.torghut("runbook", "resume", "bad", "--yes")
    report = report_of(scene, "bad")
    assert report.phase == Phase.UNDONE
    assert (report.figures["bars_missing"], report.figures["bars_doubled"]) == (0, 0)
    assert flink.deployment(scene) == before
