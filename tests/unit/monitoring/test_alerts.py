from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tools.monitoring.dashboards import BOARDS
from tools.monitoring.generate import FOLDER, rendered

from torghut.console.procedures import Procedures
from torghut.monitoring.alerts import ALERTS, Alert, rules
from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import ArtifactError
from torghut.platform.prometheus import ensure_prometheus, program
from torghut.stack.home import Home


@pytest.fixture(scope="module")
def promtool() -> Path:
    cache = cache_directory(os.environ)
    try:
        ensure_prometheus(cache)
    except ArtifactError as error:
        pytest.skip(str(error))
    found = program("promtool", cache)
    assert found is not None
    return found


def test_the_rules_do_what_their_tests_say(promtool: Path) -> None:
    done = subprocess.run(
        [promtool, "test", "rules", "alerts.test.yaml"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_sound(promtool: Path) -> None:
    done = subprocess.run([promtool, "check", "rules", FOLDER / "alerts.yaml"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_names_a_procedure_that_exists_and_is_tested(alert: Alert, tmp_path: Path) -> None:
    assert alert.procedure in {card.name for card in Procedures(Home(tmp_path)).overview().procedures}
    assert f'"{alert.name}"' in (tests := (FOLDER / "alerts.test.yaml").read_text()) or f": {alert.name}\n" in tests


def test_what_a_rule_says_reaches_who_is_paged() -> None:
    (group,) = rules()["groups"]
    for rule in group["rules"]:
        assert {"summary", "description", "procedure", "command"} == set(rule["annotations"])


def test_the_files_in_deploy_are_current() -> None:
    assert [str(path) for path, content in rendered().items() if path.read_text() != content] == []


def test_every_dashboard_asks_something_in_every_panel() -> None:
    assert [board.uid for board in BOARDS] == ["torghut-pipeline", "torghut-job", "torghut-procedures"]
    for board in BOARDS:
        assert all(panel.queries for panels in board.rows.values() for panel in panels)
