from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from torghut.stack.desired import DesiredProcess, put_back, read_desired, restart, scale, set_running
from torghut.stack.errors import DesiredStateError
from torghut.stack.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_without_a_file_everything_runs_once(home: Home) -> None:
    assert read_desired(home).process("kafka") == DesiredProcess(run=True, count=1, generation=0)


def test_a_stopped_process_stays_stopped_and_the_others_run(home: Home) -> None:
    set_running(home, "kafka", False)
    assert not read_desired(home).process("kafka").run
    assert read_desired(home).process("sim").run


def test_a_restart_is_another_generation(home: Home) -> None:
    restart(home, "sim")
    restart(home, "sim")
    assert read_desired(home).process("sim").generation == 2


def test_scale_sets_the_number_of_instances(home: Home) -> None:
    scale(home, "forwarder", 2)
    assert read_desired(home).process("forwarder").count == 2


def test_every_change_is_another_revision(home: Home) -> None:
    assert [set_running(home, "sim", run).revision for run in (False, True)] == [1, 2]


def test_changes_at_once_are_all_kept(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: restart(home, "sim"), range(24)))
    assert read_desired(home).process("sim").generation == 24
    assert read_desired(home).revision == 24


def test_a_file_that_is_not_understood_is_named(home: Home) -> None:
    home.desired.parent.mkdir(parents=True)
    home.desired.write_text('{"settings": {"feed": 3}}')
    with pytest.raises(DesiredStateError, match=r"stack\.json is not understood .* correct or remove it"):
        read_desired(home)


def test_after_a_loan_the_home_wants_what_it_wanted_before(home: Home) -> None:
    set_running(home, "sim", False)
    before = read_desired(home)
    with put_back(home):
        set_running(home, "sim", True)
        scale(home, "forwarder", 2)
    after = read_desired(home)
    assert (after.processes, after.settings) == (before.processes, before.settings)
    assert after.revision > before.revision
