"""The stack's life: up, up again, down, and what crashes leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.stacks import StackFactory, quiet

from torghut.platform.locks import is_locked
from torghut.platform.processes import find_process, is_alive
from torghut.platform.waiting import wait_until
from torghut.stack.desired import read_desired, restart
from torghut.stack.document import read_document
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, up

KAFKA = ("kafka",)


pytestmark = pytest.mark.timeout(300)  # a JVM that starts beside other tests takes its time


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack that every test leaves running."""
    home = Home(tmp_path_factory.mktemp("stack"))
    try:
        up(home, Wish(only=KAFKA), quiet, leash=True)
        yield RunningStack(home)
    finally:
        down(home, quiet)


def _torghut(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torghut", *arguments],
        env={**os.environ, "TORGHUT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


def _processes_of(home: Path) -> list[str]:
    """Command lines of all processes that name the home."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and find_process(int(entry.name)):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(home) in command:
                found.append(command)
    return found


def test_up_twice_changes_nothing_and_down_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = _torghut(home, "up", "--only", "kafka", "--detach")
    assert first.returncode == 0, first.stderr
    before = read_document(Home(home))
    assert _torghut(home, "up", "--detach").returncode == 0
    after = read_document(Home(home))
    assert before is not None
    assert after is not None
    assert after.processes["kafka"].process == before.processes["kafka"].process

    said = _torghut(home, "status", "--json")
    assert said.returncode == 0
    assert json.loads(said.stdout)["ready"] is True

    assert _torghut(home, "down").returncode == 0
    assert _processes_of(home) == []
    gone = _torghut(home, "status")
    assert gone.returncode == 2
    assert "torghut up" in gone.stderr
    assert _torghut(home, "down").returncode == 0


def test_a_stopped_home_comes_back_with_what_it_was_told_and_only_anew_with_the_defaults(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert _torghut(home, "up", "--only", "kafka", "--rate", "321", "--detach").returncode == 0
    assert _torghut(home, "down").returncode == 0
    try:
        assert _torghut(home, "up", "--detach").returncode == 0
        document = read_document(Home(home))
        assert document is not None
        assert "sim" not in document.processes
        assert read_desired(Home(home)).settings.rate == 321
        assert _torghut(home, "up", "--anew", "--only", "kafka", "--detach").returncode == 0
        assert read_desired(Home(home)).settings.rate is None
    finally:
        down(Home(home), quiet)


def test_no_password_is_in_any_command_line_or_environment_or_log(running: RunningStack) -> None:
    secrets = [Path(user.password_file).read_bytes().strip() for user in running.document().kafka.users.values()]
    assert len(set(secrets)) == 4
    names = [running.document().supervisor.pid, running.process("kafka").pid]
    exposed = b"".join(Path(f"/proc/{pid}/{file}").read_bytes() for pid in names for file in ("cmdline", "environ"))
    exposed += b"".join(log.read_bytes() for log in running.home.logs.iterdir())
    exposed += running.home.document.read_bytes()
    assert not any(secret in exposed for secret in secrets)


def test_secrets_are_readable_by_their_owner_alone(running: RunningStack) -> None:
    assert running.home.secrets.stat().st_mode & 0o777 == 0o700
    private = [path for path in running.home.secrets.rglob("*") if path.name.endswith((".key", "-store.pem"))]
    users = list((running.home.secrets / "kafka" / "users").iterdir())
    private += users
    assert {"forwarder", "ta", "audit", "admin"} <= {user.name for user in users}
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


def test_children_die_with_a_killed_supervisor_and_the_next_up_works(running: RunningStack) -> None:
    before, kafka = running.document(), running.process("kafka")
    os.kill(before.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(kafka), 30, "Kafka to follow its supervisor")
    up(running.home, Wish(only=KAFKA), quiet, leash=True)
    after = running.document()
    assert after.kafka.bootstrap_servers == before.kafka.bootstrap_servers
    assert after.supervisor != before.supervisor


def test_a_child_that_does_not_die_with_its_supervisor_is_ended_by_down(stack: StackFactory) -> None:
    running = stack(only=KAFKA)
    kafka = running.pause("kafka")
    os.kill(running.document().supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not is_locked(running.home.supervisor_lock), 10, "the supervisor to die")
    assert is_alive(kafka)
    assert down(running.home, quiet)
    assert not is_alive(kafka)


def test_a_killed_process_comes_back_on_the_same_port(running: RunningStack) -> None:
    before = running.document().kafka.bootstrap_servers
    dead = running.kill("kafka")
    assert running.wait_ready("kafka") != dead
    assert running.document().kafka.bootstrap_servers == before


def test_stop_start_and_restart_follow_the_desired_state(running: RunningStack) -> None:
    first = running.process("kafka")
    running.stop("kafka")
    assert not is_alive(first)
    second = running.start("kafka")
    restart(running.home, "kafka")
    wait_until(lambda: not is_alive(second), 30, "the restart to begin")
    assert running.wait_ready("kafka") not in {first, second}


def test_ctrl_c_in_the_foreground_stops_everything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        [sys.executable, "-m", "torghut", "up", "--only", "kafka"],
        env={**os.environ, "TORGHUT_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stderr is not None
        assert any("Ctrl-C" in line for line in command.stderr)
        command.send_signal(signal.SIGINT)
        assert command.wait(60) == 0
    assert _processes_of(home) == []


def test_a_stack_in_the_foreground_does_not_outlive_its_killed_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        [sys.executable, "-m", "torghut", "up", "--only", "kafka"],
        env={**os.environ, "TORGHUT_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stderr is not None
        assert any("Ctrl-C" in line for line in command.stderr)
        command.kill()
    wait_until(lambda: _processes_of(home) == [], 60, "everything to end")


def test_a_fixed_port_that_is_taken_is_named(tmp_path: Path, broker: RunningStack) -> None:
    taken = broker.document().ports["kafka.clients"]
    said = _torghut(tmp_path, "up", "--only", "kafka", "--port", f"kafka.clients={taken}", "--detach")
    assert said.returncode == 2
    assert f"port {taken}" in said.stderr
    assert _processes_of(tmp_path) == []


def test_two_ups_at_once_start_one_stack(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "torghut", "up", "--only", "kafka", "--detach"]
    environment = {**os.environ, "TORGHUT_HOME": str(home)}
    both = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for one in both:
            _, said = one.communicate(timeout=250)
            assert one.returncode == 0, said
        assert sum("torghut.stack.supervisor" in process for process in _processes_of(home)) == 1
    finally:
        down(Home(home), quiet)


@pytest.mark.parametrize("feed", ["nyse", "replay:/nowhere/at/all"])
def test_a_wrong_feed_changes_nothing(tmp_path: Path, feed: str) -> None:
    said = _torghut(tmp_path, "up", "--feed", feed, "--detach")
    assert said.returncode == 2
    assert feed in said.stderr
    assert not Home(tmp_path).document.exists()


def test_a_real_feed_without_keys_names_the_variable(tmp_path: Path) -> None:
    said = _torghut(tmp_path, "up", "--feed", "iex", "--detach")
    assert said.returncode == 2
    assert "ALPACA_KEY_ID" in said.stderr
