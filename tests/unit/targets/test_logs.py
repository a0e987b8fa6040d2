from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from torghut.targets.local.workloads import _lines

NOON = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1e9)


def test_lines_before_a_moment_are_left_out_whoever_wrote_them(tmp_path: Path) -> None:
    local = datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S,500")
    earlier = datetime(2026, 11, 23, 11, 59, 1, tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S,500")
    log = tmp_path / "log"
    log.write_text(
        '{"event": "old", "timestamp": "2026-11-23T11:59:59.9Z"}\n'
        '{"event": "new", "timestamp": "2026-11-23T12:00:00.1Z"}\n'
        f"{earlier} ERROR old\n{local} ERROR new\nat java.lang.Thread\n"
    )
    assert ["new" in line for line in _lines(log, NOON)] == [True, True]
