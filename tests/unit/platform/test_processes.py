from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from torghut.platform.processes import Process, end, find_process, is_alive, send, spawn
from torghut.platform.waiting import wait_until

IDLE = (sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read(); __import__('signal').pause()")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()",
)


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.wait()


def _start(command: tuple[str, ...], tmp_path: Path, children: list[subprocess.Popen[bytes]]) -> Process:
    log = tmp_path / "log"
    children.append(spawn(command, dict(os.environ), log, tmp_path))
    wait_until(lambda: b"up" in log.read_bytes(), 20, "the child", 0.02)
    process = find_process(children[-1].pid)
    assert process is not None
    return process


def test_this_process_is_found_and_alive() -> None:
    me = find_process(os.getpid())
    assert me is not None
    assert is_alive(me)


def test_a_process_with_the_pid_but_another_start_is_a_stranger() -> None:
    me = find_process(os.getpid())
    assert me is not None
    stranger = Process(me.pid, "another boot/1")
    assert not is_alive(stranger)
    send(stranger, signal.SIGKILL)
    end([stranger], 0)


def test_a_child_leads_a_group_of_its_own_and_writes_to_its_log(
    tmp_path: Path, children: list[subprocess.Popen[bytes]]
) -> None:
    process = _start(IDLE, tmp_path, children)
    assert os.getpgid(process.pid) == process.pid
    assert (tmp_path / "log").read_bytes() == b"up\n"


def test_a_zombie_is_not_alive(tmp_path: Path, children: list[subprocess.Popen[bytes]]) -> None:
    process = _start(IDLE, tmp_path, children)
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(process), 5, "the end", 0.02)
    assert children[-1].returncode is None


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path, children: list[subprocess.Popen[bytes]]) -> None:
    process = _start(STUBBORN, tmp_path, children)
    end([process], 0.2)
    assert children[-1].wait(5) == -signal.SIGKILL


def test_a_stopped_process_ends_on_sigterm(tmp_path: Path, children: list[subprocess.Popen[bytes]]) -> None:
    process = _start(IDLE, tmp_path, children)
    send(process, signal.SIGSTOP)
    end([process], 10)
    assert children[-1].wait(5) == -signal.SIGTERM


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent_code = (
        "import os, pathlib, signal\n"
        "from torghut.platform.processes import spawn\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        f"child = spawn({IDLE!r}, dict(os.environ), here / 'log', here)\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = find_process(int(parent.stdout.readline()))
        assert child is not None
        wait_until(lambda: (tmp_path / "log").read_bytes() == b"up\n", 20, "the child", 0.02)
        parent.kill()
        wait_until(lambda: not is_alive(child), 10, "the child to follow", 0.02)
