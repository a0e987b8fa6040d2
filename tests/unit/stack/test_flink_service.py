from __future__ import annotations

from pathlib import Path

from torghut.stack.services.flink import why_it_ended


def test_a_jobmanager_that_ended_is_explained_by_the_last_cause_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "jobmanager.log"
    log.write_text("Caused by: a.B: old\n  at a.B\ncannot be launched: no bucket\nshutting down\n")
    assert why_it_ended(log) == "no bucket"
    log.write_text("starting\n")
    assert why_it_ended(log) is None
