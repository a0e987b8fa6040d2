"""Procedures on a real broker, simulator and forwarder: killed within every act, run twice, and searched for secrets.

A slower tier of its own (`make test-killed`): one stack for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from tests.integration.killing import (
    OVER,
    assert_nothing_lost,
    command,
    killed_within_every_act,
    made,
    notes,
    report_of,
    with_a_kill_of,
)
from tests.integration.overheard import Overheard, leaks, processes_watched, secrets_of, transcript
from tests.integration.stacks import quiet

from torghut.drills.alpaca import new_keys
from torghut.drills.play import wait_steady
from torghut.ops.state import Phase
from torghut.platform.git import Repository
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.start import Wish, down, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CONDITIONS = (
    "alpaca-rotation/due",
    "alpaca-406/extra-instances",
    "kafka-rotation/second-user",
    "kafka-rotation/in-place",
    "kafka-rotation/ca",
    "kafka-produce-failure/password",
)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("procedures"))
    try:
        up(home, Wish(rate=200.0, only=("kafka", "sim", "forwarder")), quiet, leash=True)
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
def test_a_procedure_killed_within_every_act_ends_in_the_new_state_and_nothing_lost(
    scene: Overheard, name: str
) -> None:
    run_id = name.replace("/", "-")
    with made(scene, name) as drill:
        killed = killed_within_every_act(scene, run_id, *drill.command(scene))
        report = report_of(scene, run_id)
        assert (report.phase, report.verdict) == (Phase.DONE, "ok"), report.why
        assert drill.judge(scene, 0) is None
    assert killed
    assert_nothing_lost(report)


@pytest.mark.parametrize(("name", "process"), [("kafka-rotation/second-user", "kafka"), ("alpaca-rotation/due", "sim")])
def test_what_a_procedure_talks_to_may_die_at_any_moment(scene: Overheard, name: str, process: str) -> None:
    with made(scene, name) as drill:
        assert_nothing_lost(with_a_kill_of(scene, process, f"{process}-dies", *drill.command(scene)))


def test_the_same_request_twice_changes_nothing_the_second_time(scene: Overheard) -> None:
    wait_steady(scene.stack)
    first = scene.torghut("runbook", "run", "kafka-rotation", "--yes", "--id", "twice")
    assert first.code == 0, first.stderr
    repository = Repository(scene.home.desired.parent)
    before = (repository.log(), notes(scene, "twice"), scene.stack.admin().users())
    again = scene.torghut("runbook", "run", "kafka-rotation", "--yes", "--id", "twice")
    assert (again.code, "was done before" in again.stderr) == (0, True)
    assert (repository.log(), notes(scene, "twice"), scene.stack.admin().users()) == before


def test_a_plan_shows_what_would_change_and_after_the_run_that_nothing_does(scene: Overheard) -> None:
    with made(scene, "alpaca-rotation/due") as drill:
        request = drill.command(scene)
        planned = scene.torghut("runbook", "plan", *request)
        assert (planned.code, "would change" in planned.stdout, "+ secret.alpaca" in planned.stdout) == (0, True, True)
        assert scene.torghut("runbook", "run", *request, "--yes").code == 0
        again = scene.torghut("runbook", "plan", *request)
    assert (again.code, "nothing to change" in again.stdout) == (0, True), again.stdout


def test_a_rotation_by_hand_between_plan_and_run_is_drift(scene: Overheard) -> None:
    with made(scene, "alpaca-rotation/due") as drill:
        request = drill.command(scene)
        assert scene.torghut("runbook", "plan", *request, "--id", "drifts").code == 0
        assert scene.torghut("runbook", "run", *request, "--yes").code == 0
        with scene.sim() as control:
            control.rotate(grace_s=600)
        late = scene.torghut("runbook", "run", *new_keys(scene), *request[:1], "--yes", "--id", "drifts")
    assert late.code == 2, late.stderr
    assert notes(scene, "drifts") == []


def test_two_at_once_the_second_is_refused_and_told_who_holds_the_lock(scene: Overheard) -> None:
    wait_steady(scene.stack)
    process = command(scene, "run", "kafka-rotation", "--yes", "--id", "holder")
    wait_until(lambda: bool(notes(scene, "holder")), 120, "the run to begin", 0.01)
    second = scene.torghut("runbook", "run", "kafka-rotation", "--yes", "--id", "second")
    assert (second.code, f"pid {process.pid}" in second.stderr) == (2, True), second.stderr
    assert process.wait(400) == 0
    assert report_of(scene, "holder").phase in OVER


def test_commands_have_much_to_say_also_about_what_is_wrong(scene: Overheard) -> None:
    """For the search that follows: every command, in words and as JSON, on a stack that works and on a broken one."""
    for name in ("alpaca-rotation/due", "kafka-produce-failure/password"):
        with made(scene, name) as drill:
            for form in ((), ("--json",)):
                speak(scene, drill.command(scene), f"said-{name.replace('/', '-')}{'-json' if form else ''}", form)


def test_a_wrong_secret_is_refused_without_being_said(scene: Overheard) -> None:
    secret = "planted-and-wrong-" + token_hex(12)
    scene.planted.add(secret)
    file = scene.scratch / "wrong"
    file.write_text(secret)
    given = ("alpaca-rotation", *new_keys(scene)[:2], "--secret", f"secret_key={file}")
    for form in ((), ("--json",)):
        assert scene.torghut("runbook", "plan", *given, *form).code == 2
        assert scene.torghut("runbook", "run", *given, "--yes", *form).code == 2


def test_secrets_are_nowhere_but_in_the_secrets_directory(scene: Overheard) -> None:
    """After all of the above: every secret there was, searched for in everything that was said, written or visible."""
    planted = scene.planted | secrets_of(scene.home)
    assert len(planted) > 4
    assert "$ torghut runbook run" in transcript(scene.home).read_text()
    assert leaks(scene.home, planted) == []


def test_a_secret_that_a_command_says_is_found(scene: Overheard) -> None:
    """The search itself: a name that nobody knows is repeated by the command that refuses it."""
    secret = "planted-and-said-" + token_hex(12)
    assert scene.torghut("runbook", "show", secret).code == 2
    assert {found.rpartition("/")[2].partition(":")[0] for found in leaks(scene.home, {secret})} >= {
        "commands.log",
        "arguments",
    }


def speak(scene: Overheard, request: tuple[str, ...], run_id: str, form: tuple[str, ...]) -> None:
    """All that can be asked about a request, and the request itself, without and with approval."""
    for asked in (
        ("runbook", "list"),
        ("runbook", "plan", *request, "--id", run_id),
        ("doctor",),
        ("status",),
        ("runbook", "run", *request, "--id", run_id),
        ("runbook", "resume", run_id, "--yes"),
        ("runbook", "run", *request, "--id", run_id, "--yes"),
        ("runbook", "history", run_id),
        ("runbook", "history", "--verify"),
        ("doctor",),
        ("audit", "--since", "1m"),
    ):
        spoken = scene.torghut(*asked, *form)
        assert "Traceback" not in spoken.stderr, asked
