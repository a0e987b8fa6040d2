from __future__ import annotations

from pathlib import Path

from torghut.monitoring.scrape import configuration


def test_a_target_with_a_path_is_asked_there_and_one_without_at_metrics() -> None:
    made = configuration({"minio": ("h:1/a/b",), "console": ("h:2", "h:3"), "nothing": ()}, Path("/rules"))
    jobs = {job["job_name"]: job for job in made["scrape_configs"]}
    assert set(jobs) == {"minio", "console"}
    assert (jobs["minio"]["metrics_path"], jobs["minio"]["static_configs"]) == ("/a/b", [{"targets": ["h:1"]}])
    assert jobs["console"]["metrics_path"] == "/metrics"
