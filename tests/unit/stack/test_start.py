from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from torghut.platform.errors import JavaError, StorageError
from torghut.platform.locks import is_locked, locked, try_lock
from torghut.platform.processes import Process, find_process
from torghut.stack.document import KafkaEndpoint, ProcessRecord, StackDocument, running_document, write_document
from torghut.stack.errors import NoStackError
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, up
from torghut.stack.status import look


def _quiet(_line: str) -> None:
    pass


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _left_behind(home: Home, process: Process) -> None:
    """A stack.json as a killed supervisor leaves it, with `process` as its Kafka."""
    record = ProcessRecord(
        pid=process.pid,
        log="",
        started=process.started,
        state="running",
        ready=True,
        reason="ok",
        since_ns=0,
        ready_after_s=1.0,
        starts=1,
        wanted=True,
    )
    document = StackDocument(
        supervisor=Process(process.pid, "another boot/1"),
        revision=1,
        feed="sim",
        topic_prefix="",
        kafka=KafkaEndpoint("", "", "", "", {}),
        ports={},
        processes={"kafka": record},
    )
    write_document(home, document)


def test_a_stranger_with_a_stale_pid_is_not_touched(home: Home) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        _left_behind(home, Process(stranger.pid, "another boot/1"))
        assert not down(home, _quiet)
        assert stranger.poll() is None
        assert not home.document.exists()


def test_what_a_killed_supervisor_left_is_ended(home: Home) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, process_group=0) as child:
        process = find_process(child.pid)
        assert process is not None
        _left_behind(home, process)
        assert down(home, _quiet)
        assert child.wait(5) < 0


def test_a_document_without_a_living_supervisor_is_no_stack(home: Home) -> None:
    me = find_process(os.getpid())
    assert me is not None
    _left_behind(home, me)
    assert running_document(home) is None
    with pytest.raises(NoStackError, match="torghut up"):
        look(home)
    with pytest.raises(NoStackError):
        RunningStack(home).environment("audit")


def test_down_in_an_empty_place_makes_nothing(home: Home) -> None:
    assert not down(home, _quiet)
    assert not home.root.exists()


def test_up_without_java_changes_nothing_but_the_empty_home(home: Home, tmp_path: Path) -> None:
    with pytest.raises(JavaError):
        up(home, Wish(), _quiet, {"PATH": str(tmp_path)})
    assert not home.document.exists()


def test_a_home_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="TORGHUT_HOME"):
        up(Home(tmp_path / "file"), Wish(), _quiet, {})


def test_a_lock_has_one_holder_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    with locked(path, 1, "the lock"):
        assert is_locked(path)
        assert try_lock(path) is None
    assert not is_locked(path)


def test_waiting_for_a_lock_has_an_end(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", 1, "the lock"), pytest.raises(TimeoutError, match="the other"):  # noqa: SIM117
        with locked(tmp_path / "lock", 0.1, "the other"):
            pass
