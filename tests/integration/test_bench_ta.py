"""`torghut bench ta --quick` on real components: that it measures all subjects and cleans up, never how fast."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from torghut.bench.report import Report
from torghut.bench.ta.measure import BACKLOG, CAUGHT_UP, CHECKPOINT, FINAL, MEMORY, PROVISIONAL
from torghut.bench.ta.plan import LIMIT, NAIVE, OURS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def commands_with(text: str) -> list[str]:
    """Command lines of living processes that name `text`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [command for command in found if text in command]


def test_a_quick_run_measures_every_subject_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "torghut", "bench", "ta", "--quick", "--json"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=840,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    report = msgspec.json.decode(done.stdout, type=Report)
    measured = {(row.what.partition(":")[0], row.who) for row in report.rows}
    for who in (OURS.name, NAIVE.name, LIMIT.name):
        assert {(BACKLOG, who), (FINAL, who), (CHECKPOINT, who), (MEMORY, who)} <= measured
    assert {(PROVISIONAL, OURS.name), (PROVISIONAL, NAIVE.name), (CAUGHT_UP, OURS.name)} <= measured
    assert all(row.value > 0 for row in report.rows if row.what.startswith((BACKLOG, MEMORY)))
    assert any(row.ratio for row in report.rows if row.who == OURS.name)
    assert commands_with(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
