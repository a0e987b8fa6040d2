"""Procedures on a real broker, simulator and forwarder: killed within every act, run twice, and searched for secrets.

A slower tier of its own: one stack for all, a run of a few tens of seconds for each act.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.integration.stacks import quiet

from torghut.drills.alpaca import new_keys, use_own_keys
from torghut.drills.play import wait_steady
from torghut.drills.scene import Scene
from torghut.ops.journal import Line
from torghut.ops.report import RunReport
from torghut.ops.state import Event, Phase
from torghut.platform.git import Repository
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.start import Wish, down, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ALPACA_ACTS = ("seal", "restart")
KAFKA_ACTS = ("make-user.forwarder", "move.forwarder", "restart.forwarder", "delete-user.forwarder")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = Home(tmp_path_factory.mktemp("procedures"))
    try:
        up(home, Wish(rate=200.0, only=("kafka", "sim", "forwarder")), quiet, leash=True)
        yield Scene(home, home.root)
    finally:
        down(home, quiet)


def command(scene: Scene, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "torghut", "runbook", *arguments],
        env={**os.environ, "TORGHUT_HOME": str(scene.home.root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def lines(scene: Scene) -> list[Line]:
    journal = scene.home.root / "journal" / "local.jsonl"
    whole = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return [msgspec.json.decode(line, type=Line) for line in whole]


def kill_within(scene: Scene, run_id: str, step: str, process: subprocess.Popen[bytes]) -> None:
    """SIGKILL as soon as the step's act is announced: before, within or after its effect, as it falls."""

    def acting() -> bool:
        assert process.poll() is None, (process.stdout.read() if process.stdout else b"")[-2000:]
        notes = (line.note for line in lines(scene))
        return any((note.run, note.step, note.event) == (run_id, step, Event.ACTING) for note in notes)

    wait_until(acting, 240, f"{step} of {run_id} to act", 0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def resumed(scene: Scene, run_id: str) -> RunReport:
    spoken = scene.torghut("runbook", "resume", run_id, "--yes", "--json")
    assert spoken.code == 0, spoken.stderr
    return msgspec.json.decode(spoken.stdout, type=RunReport)


def assert_done(report: RunReport) -> None:
    assert (report.phase, report.verdict) == (Phase.DONE, "ok"), report.why
    assert (report.figures["lost"], report.figures["duplicated"]) == (0, 0)


@pytest.mark.parametrize("step", ALPACA_ACTS)
def test_alpaca_rotation_killed_within_an_act_ends_with_the_new_keys_and_nothing_lost(scene: Scene, step: str) -> None:
    wait_steady(scene.stack)
    use_own_keys(scene)
    with scene.sim() as control:
        control.rotate(grace_s=600)
    run_id = f"keys-{step}"
    kill_within(scene, run_id, step, command(scene, "run", "alpaca-rotation", *new_keys(scene), "--id", run_id))
    report = resumed(scene, run_id)
    assert_done(report)
    assert scene.torghut("runbook", "history", "--verify").code == 0


@pytest.mark.parametrize("step", KAFKA_ACTS)
def test_kafka_rotation_killed_within_an_act_ends_with_the_new_user_and_nothing_lost(scene: Scene, step: str) -> None:
    wait_steady(scene.stack)
    run_id = f"user-{step}"
    kill_within(scene, run_id, step, command(scene, "run", "kafka-rotation", "--yes", "--id", run_id))
    report = resumed(scene, run_id)
    assert_done(report)
    users = scene.stack.admin().users()
    assert report.facts["forwarder.new_user"] in users
    assert report.facts["forwarder.old_user"] not in users


def test_a_broker_that_dies_while_a_procedure_talks_to_it_is_waited_for(scene: Scene) -> None:
    wait_steady(scene.stack)
    process = command(scene, "run", "kafka-rotation", "--yes", "--id", "broker-dies")
    wait_until(lambda: any(line.note.run == "broker-dies" for line in lines(scene)), 120, "the run to begin", 0.01)
    scene.stack.kill("kafka")
    process.wait(400)
    reports = msgspec.json.decode(scene.torghut("runbook", "history", "--json").stdout, type=list[RunReport])
    report = next(report for report in reports if report.id == "broker-dies")
    if report.phase not in {Phase.DONE, Phase.UNDONE}:
        report = resumed(scene, "broker-dies")
    assert report.phase in {Phase.DONE, Phase.UNDONE}
    assert (report.figures["lost"], report.figures["duplicated"]) == (0, 0)
    wait_steady(scene.stack)


def test_the_same_request_twice_changes_nothing_the_second_time(scene: Scene) -> None:
    wait_steady(scene.stack)
    first = scene.torghut("runbook", "run", "kafka-rotation", "--yes", "--id", "twice")
    assert first.code == 0, first.stderr
    repository = Repository(scene.home.desired.parent)
    before = (repository.log(), lines(scene), scene.stack.admin().users())
    again = scene.torghut("runbook", "run", "kafka-rotation", "--yes", "--id", "twice")
    assert (again.code, "was done before" in again.stderr) == (0, True)
    assert (repository.log(), lines(scene), scene.stack.admin().users()) == before


def test_two_at_once_the_second_is_refused_and_told_who_holds_the_lock(scene: Scene) -> None:
    wait_steady(scene.stack)
    process = command(scene, "run", "kafka-rotation", "--yes", "--id", "holder")
    wait_until(lambda: any(line.note.run == "holder" for line in lines(scene)), 120, "the run to begin", 0.01)
    second = scene.torghut("runbook", "run", "kafka-rotation", "--yes", "--id", "second")
    assert (second.code, f"pid {process.pid}" in second.stderr) == (2, True), second.stderr
    assert process.wait(400) == 0


def test_secrets_are_nowhere_but_in_the_secrets_directory(scene: Scene) -> None:
    """After all of the above: every secret there is, searched for in everything that was written or is visible."""
    planted = {file.read_text().strip() for file in scene.home.secrets.rglob("*") if _is_secret(file)}
    assert len(planted) > 4
    history = subprocess.run(
        ["git", "-C", str(scene.home.desired.parent), "log", "--all", "-p"], capture_output=True, check=True
    ).stdout
    visible = [history, *_arguments()]
    visible += [file.read_bytes() for file in scene.home.root.rglob("*") if _is_open(scene.home, file)]
    for secret in planted:
        assert not any(secret.encode() in text for text in visible), f"a secret of {len(secret)} characters"


def _is_open(home: Home, path: Path) -> bool:
    """What anybody may come to see: logs, journals, reports, plans; not the secrets, not the broker's own storage."""
    return path.is_file() and home.secrets not in path.parents and not {"storage", ".git"} & {*path.parts}


def _is_secret(path: Path) -> bool:
    if not path.is_file():
        return False
    text = path.read_bytes()
    public = path.suffix in {".pem", ".name", ".json", ".key_id"} or path.name == "key_id"
    return not public and 8 < len(text) < 200


def _arguments() -> Iterator[bytes]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_bytes()
        except OSError:
            continue
