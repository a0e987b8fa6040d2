"""The Flink job on real components: Kafka with TLS and ACLs, MinIO, JobManager, TaskManager.

One job serves all tests (its start takes most of their time); each uses symbols of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.integration.jobs import NS, PROCESSES, READY_S, JobStack

from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, follow, up
from torghut.stack.submission import submit
from torghut.wire.topics import TA_BARS_1S, TA_SIGNALS, TRADES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def quiet(_line: str) -> None:
    """Progress nobody reads."""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStack]:
    home = Home(tmp_path_factory.mktemp("job"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TA_IDLE_TIMEOUT_MS", "5000")
        patch.setenv("TA_REVISION_S", "60")
        up(home, Wish(only=PROCESSES), quiet, leash=True)
    try:
        follow(home, submit(home, "test"), quiet, READY_S)
        yield JobStack(RunningStack(home))
    finally:
        down(home, quiet)


def now() -> int:
    return time.time_ns()


def test_silence_closes_the_last_second_with_a_print(job: JobStack) -> None:
    at = now()
    job.trade("QUIET", at, 10.25, 7)
    job.quote("QUIET", at - 1000, 10.0)
    job.flush()
    job.wait_for_bars({("QUIET", at // NS): {"o": 10.25, "c": 10.25, "v": 7.0, "n": 1}})
    (signal,) = job.finals(TA_SIGNALS)["QUIET", at // NS]
    assert (signal["payload"]["close"], signal["payload"]["quote"]["bid"]) == (10.25, 10.0)


def test_a_repair_after_silence_is_not_late(job: JobStack) -> None:
    start = now()
    job.trade("REPAIR", start - 20 * NS, 1.0)
    job.flush()
    job.wait_for_bars({("REPAIR", start // NS - 20): {"n": 1}})
    for age in (15, 10, 5):
        job.trade("REPAIR", start - age * NS, 2.0)
    job.flush()
    job.wait_for_bars({("REPAIR", start // NS - age): {"n": 1} for age in (15, 10, 5)})
    assert all(r["revision"] == 0 for key, rs in job.finals(TA_BARS_1S).items() if key[0] == "REPAIR" for r in rs)


def test_late_cancelled_and_corrected_trades_revise_closed_bars(job: JobStack) -> None:
    start = now() // NS * NS
    kept, gone, wrong = (job.trade("CHANGE", start + ms * 1_000_000, 10 + ms / 100) for ms in (100, 200, 300))
    job.flush()
    job.wait_for_bars({("CHANGE", start // NS): {"n": 3, "h": 13.0}})
    job.trade("CHANGE", start + 50_000_000, 9.0, 5)
    job.cancel("CHANGE", now(), gone)
    job.correct("CHANGE", now(), wrong, 14.5, 1)
    job.flush()
    job.wait_for_bars({("CHANGE", start // NS): {"n": 3, "o": 9.0, "h": 14.5, "c": 14.5, "v": 106.0}})
    assert kept < gone
    job.check_finals()


def test_what_cannot_be_used_is_dead_lettered_with_its_reason(job: JobStack) -> None:
    at = now()
    job.raw(TRADES, "DEAD", "{")
    job.raw(TRADES, "DEAD", '{"event_ts": 1}')
    job.trade("DEAD", at, 5.0)
    job.flush()
    job.wait_for_bars({("DEAD", at // NS): {"n": 1}})
    job.trade("DEAD", at - 600 * NS, 5.0)
    job.cancel("DEAD", at, 123_456_789)
    job.trade("DEAD", at + 3600 * NS, -1)
    job.flush()
    later = now()
    job.trade("DEAD", later, 6.0)
    job.flush()
    job.wait_for_bars({("DEAD", later // NS): {"n": 1}})
    assert sorted(job.dead()) == ["bad_number", "not_a_record", "not_a_record", "too_late", "unknown_trade"]
