from __future__ import annotations

from typing import Any

import httpx
import pytest

from torghut.platform.errors import FlinkError
from torghut.platform.flink.rest import Flink

JOBS: list[dict[str, Any]] = [
    {"jid": "a1", "name": "torghut-ta", "start-time": 1, "state": "FAILED"},
    {"jid": "b2", "name": "torghut-ta", "start-time": 2, "state": "RUNNING"},
    {"jid": "c3", "name": "another", "start-time": 3, "state": "RUNNING"},
]


def flink(jobs: list[dict[str, Any]]) -> Flink:
    found = Flink("http://flink")
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"jobs": jobs}))
    found._http = httpx.Client(base_url="http://flink", transport=transport)  # type: ignore[misc]
    return found


def test_a_job_is_found_by_its_name_and_the_newest_of_several() -> None:
    with flink(JOBS) as one:
        assert one.job_named("torghut-ta") == "b2"


def test_a_job_that_is_not_there_is_named() -> None:
    with flink(JOBS) as one, pytest.raises(FlinkError, match="no job third"):
        one.job_named("third")
