from __future__ import annotations

from pathlib import Path

from torghut.stack.services.flink import why_it_ended


def test_a_jobmanager_that_ended_is_explained_by_the_last_cause_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "jobmanager.log"
    log.write_text("Caused by: a.B: old\n  at a.B\ncannot be launched: no bucket\nshutting down\n")
    assert why_it_ended(log) == "no bucket"
    log.write_text("starting\n")
    assert why_it_ended(log) is None


def test_the_end_of_the_python_process_is_no_cause_where_it_said_one(tmp_path: Path) -> None:
    log = tmp_path / "jobmanager.log"
    said = "INFO PythonDriver - cannot be launched: no topic\n"
    log.write_text(f"{said}Caused by: java.lang.RuntimeException: Python process exits with code: 1\n")
    assert why_it_ended(log) == "no topic"
