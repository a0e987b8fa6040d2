"""The Flink job on real components: Kafka with TLS and ACLs, MinIO, JobManager, TaskManager.

One job serves all tests (its start takes most of their time); each uses symbols of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.integration.jobs import NS, PROCESSES, READY_S, SYMBOLS, TERMS, VARIABLES, JobStack, Key
from tests.integration.stacks import quiet

from torghut.job.progress import VERSION
from torghut.platform.locks import is_locked
from torghut.platform.waiting import wait_until
from torghut.stack.components import PACKAGE
from torghut.stack.desired import read_desired, set_running
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.services.kafka import USERS, password_file
from torghut.stack.services.minio import BUCKET, user_files
from torghut.stack.start import Wish, down, follow, up
from torghut.stack.submission import job_status, prepare, submit, tags, take_savepoint
from torghut.wire.topics import TA_BARS_1S, TA_PROVISIONAL, TA_SIGNALS, TOPICS, TRADES

SESSIONS = ("07T15:59:57", "07T16:00:00", "10T04:00:00", "10T09:30:00", "10T09:40:00")
"""Eastern time: before and after Friday's close, Monday's first trades, the opening, after a halt of ten minutes."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStack]:
    home = Home(tmp_path_factory.mktemp("job"))
    try:
        up(home, Wish(only=PROCESSES, ta=prepare(home, "v1", environment=VARIABLES)), quiet, leash=True)
        yield JobStack(RunningStack(home))
    finally:
        down(home, quiet)


def now() -> int:
    return time.time_ns()


def test_sessions_change_and_days_pass_without_trades(job: JobStack) -> None:
    """Friday's close, a weekend, Monday's opening, with a halt in it. The first test: event time only goes forward."""
    times = [datetime.fromisoformat(f"2024-06-{text}-04:00") for text in SESSIONS]
    starts = [int(time.timestamp()) for time in times]
    for at in (start + second for start in starts for second in range(3)):
        job.trade("SESSION", at * NS + 1, 10 + at % 7, 100)
        job.quote("SESSION", at * NS, 9.5)
    job.flush()
    job.prove()
    bars, signals = job.finals(TA_BARS_1S), job.finals(TA_SIGNALS)
    first = {start: bars["SESSION", start][-1]["payload"]["vwap"] for start in starts}
    session = {start: signals["SESSION", start][-1]["payload"]["vwap"]["session"] for start in starts}
    anew = [start for start in starts if session[start] == first[start]]
    assert anew == starts[:4]  # not after the halt, which is no session's end


def test_silence_closes_the_last_second_with_a_print(job: JobStack) -> None:
    at = now()
    job.trade("QUIET", at, 10.25, 7)
    job.quote("QUIET", at - 1000, 10.0)
    job.flush()
    job.wait_for_bars({("QUIET", at // NS): {"o": 10.25, "c": 10.25, "v": 7.0, "n": 1}})
    (signal,) = job.finals(TA_SIGNALS)["QUIET", at // NS]
    assert (signal["payload"]["close"], signal["payload"]["quote"]["bid"]) == (10.25, 10.0)


def test_an_idle_partition_is_closed_by_silence_alone_and_holds_up_no_other(job: JobStack) -> None:
    for symbol in SYMBOLS:
        job.trade(symbol, now(), 1.0)
    job.flush()
    alone, places = SYMBOLS[0], {symbol: job.partition_of(symbol) for symbol in SYMBOLS}
    others = [symbol for symbol, place in places.items() if place != places[alone]]
    with job.load(symbols=others):
        job.wait_for_finals_after(now())
        at = now()
        job.trade(alone, at, 5.0)
        job.quote(alone, at, 4.5)
        job.flush()
        job.wait_for_bars({(alone, at // NS): {"n": 1}})
        wait_until(
            lambda: set(places.values()).intersection(job_status(job.stack.home).idle_partitions) == {places[alone]},
            READY_S,
            f"partition {places[alone]}, and none with load, to be told as idle",
        )
        written = job.written_ms(TA_BARS_1S)
        closed_ms = written[alone, at // NS]
        assert closed_ms - at // 1_000_000 >= TERMS.idle_ms
        assert any(written[key] < closed_ms for key in written if key[0] in others and key[1] >= at // NS)
        job.trade(alone, at + NS, 6.0)  # the others are far ahead; it is its own partition that counts
        job.flush()
        job.wait_for_bars({(alone, at // NS + 1): {"n": 1}})
    assert [record["revision"] for record in job.finals(TA_BARS_1S)[alone, at // NS + 1]] == [0]
    job.prove()


def test_trades_out_of_order_make_the_bar_of_their_event_times(job: JobStack) -> None:
    start = now() // NS * NS
    for ms, price in ((500, 11.0), (900, 12.0), (100, 13.0), (900, 14.0), (100, 15.0), (300, 10.0)):
        job.trade("ORDER", start + ms * 1_000_000, price, 10)
    job.flush()
    bar = {"o": 13.0, "c": 14.0, "h": 15.0, "l": 10.0, "n": 6}  # of two at the same time, by their numbers
    job.wait_for_bars({("ORDER", start // NS): bar})
    (record,) = job.finals(TA_BARS_1S)["ORDER", start // NS]
    assert record["revision"] == 0


def test_a_bar_whose_only_trade_is_cancelled_becomes_an_empty_one(job: JobStack) -> None:
    at = now()
    number = job.trade("GONE", at, 10.0)
    job.flush()
    job.wait_for_bars({("GONE", at // NS): {"n": 1}})
    job.cancel("GONE", now(), number)
    job.flush()
    job.wait_for_bars({("GONE", at // NS): {"n": 0, "o": None, "h": None, "l": None, "c": None}})
    job.check_finals()


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


def finals(job: JobStack) -> dict[tuple[str, Key], list[Any]]:
    """All finals of the load by topic, symbol and second."""
    topics = (TA_BARS_1S, TA_SIGNALS)
    found = {(topic.name, place): records for topic in topics for place, records in job.finals(topic).items()}
    return {place: records for place, records in found.items() if place[1][0] in SYMBOLS}


def check_unchanged(before: dict[tuple[str, Key], list[Any]], after: dict[tuple[str, Key], list[Any]]) -> None:
    """No final was written twice, and the same value stands last. Late prints may give revisions of other numbers."""
    for place, records in before.items():
        assert after[place][: len(records)] == records
        assert after[place][-1]["payload"] == records[-1]["payload"]


def test_going_back_to_an_older_savepoint_writes_no_final_twice(job: JobStack) -> None:
    with job.load():
        older = take_savepoint(job.stack.home, stop=False)
        job.wait_for_finals_after(time.time_ns() + 3 * NS)  # of which the savepoint knows nothing
    job.prove()
    before = finals(job)
    follow(job.stack.home, submit(job.stack.home, "v1", older, environment=VARIABLES), quiet, READY_S)
    with job.load():
        job.wait_for_finals_after(time.time_ns())
    job.prove()
    check_unchanged(before, finals(job))


def test_another_version_goes_on_from_the_savepoint_with_which_the_first_stopped(job: JobStack) -> None:
    home = job.stack.home
    with job.load():
        follow(home, submit(home, "v2", "savepoint", environment=VARIABLES), quiet, READY_S)
        job.wait_for_finals_after(time.time_ns())
    job.prove()
    assert job_status(home).version == "v2"
    assert {r["job_version"] for records in job.finals(TA_BARS_1S).values() for r in records} == {"v1", "v2"}


def test_without_state_all_is_computed_again_and_nothing_written_again(job: JobStack) -> None:
    before = finals(job)
    follow(job.stack.home, submit(job.stack.home, "v1", "none", environment=VARIABLES), quiet, READY_S)
    with job.load():
        job.wait_for_finals_after(time.time_ns())
    job.prove()
    check_unchanged(before, finals(job))


def test_after_a_restart_of_the_machine_up_brings_the_job_back_from_its_newest_checkpoint(job: JobStack) -> None:
    home, before = job.stack.home, job.stack.document()
    with job.load():
        job.wait_for_finals_after(time.time_ns())
    submitted = read_desired(home).settings
    assert submitted.ta is not None
    os.kill(before.supervisor.pid, signal.SIGKILL)  # everything dies with it
    wait_until(lambda: not is_locked(home.supervisor_lock), 30, "the supervisor to die")
    up(home, Wish(), quiet, leash=True, deadline_s=READY_S)
    assert read_desired(home).settings == submitted
    assert job_status(home).version == submitted.ta.tag
    with job.load():
        job.wait_for_finals_after(time.time_ns())
    job.prove()


def test_after_an_outage_that_outlives_the_transactions_nothing_is_missing(job: JobStack) -> None:
    home, short = job.stack.home, {**VARIABLES, "TA_TRANSACTION_TIMEOUT_MS": "5000"}
    # Checkpoints one after the other: most of the time a transaction waits for its commit.
    follow(home, submit(home, "v2", checkpoint_interval_ms=100, environment=short), quiet, READY_S)
    with job.load():
        job.wait_for_finals_after(time.time_ns())
        for name in ("taskmanager", "jobmanager"):
            job.stack.kill(name)
            job.stack.stop(name)
        job.wait_until_no_transaction_is_open()  # none of ours can be committed any more
        for name in ("jobmanager", "taskmanager"):
            set_running(home, name, True)
        job.stack.wait_ready("jobmanager", READY_S)
        job.wait_for_finals_after(time.time_ns())
    job.prove()
    follow(home, submit(home, "v2", environment=VARIABLES), quiet, READY_S)


def test_a_savepoint_that_the_code_cannot_read_is_refused_and_its_own_version_goes_on(job: JobStack) -> None:
    home = job.stack.home
    with job.load():
        job.wait_for_finals_after(time.time_ns())
        older = take_savepoint(home, stop=False)
    install_with_other_state(home, "v9")
    submit(home, "v9", older, environment=VARIABLES)
    job.wait_for_reason("submit the tag that wrote it")
    follow(home, submit(home, "v2", older, environment=VARIABLES), quiet, READY_S)
    job.prove()


def install_with_other_state(home: Home, tag: str) -> None:
    """A version of the job whose state has another version number."""
    with TemporaryDirectory() as folder:
        package = Path(folder) / "torghut"
        shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        module = package / "job" / "progress.py"
        module.write_text(module.read_text().replace(f"VERSION: Final = {VERSION}", f"VERSION: Final = {VERSION + 1}"))
        tags(home).install(tag, package)


def test_a_savepoint_that_is_not_there_is_told(job: JobStack) -> None:
    home = job.stack.home
    submit(home, "v2", "s3a://torghut/savepoints/none-of-ours", environment=VARIABLES)
    job.wait_for_reason("none-of-ours")
    follow(home, submit(home, "v2", environment=VARIABLES), quiet, READY_S)
    job.prove()


@contextmanager
def wrong_password(job: JobStack) -> Iterator[None]:
    """Kafka knows another password of the job's user."""
    user, file = USERS["ta"], Path(password_file(job.stack.home, "ta"))
    job.stack.admin().set_passwords({user: "another"})
    try:
        yield
    finally:
        job.stack.admin().set_passwords({user: file.read_text().strip()})


@contextmanager
def missing_topic(job: JobStack) -> Iterator[None]:
    """The topic of provisional records is gone; what it held is gone with it."""
    job.stack.admin().delete_topics([TA_PROVISIONAL.name])
    try:
        yield
    finally:
        job.stack.admin().create_topics(TOPICS, "")


@contextmanager
def wrong_keys(job: JobStack) -> Iterator[None]:
    """The job is configured with a secret key that is not its user's."""
    file = user_files(job.stack.home)[1]
    right = file.read_bytes()
    file.write_bytes(b"wrong-secret-key\n")
    try:
        yield
    finally:
        file.write_bytes(right)


@contextmanager
def missing_bucket(job: JobStack) -> Iterator[None]:
    """The store has no such bucket."""
    bucket, away = (job.stack.home.data / "minio" / name for name in (BUCKET, ".away"))
    job.stack.stop("minio")
    bucket.rename(away)
    job.stack.start("minio")
    try:
        yield
    finally:
        job.stack.stop("minio")
        away.rename(bucket)
        job.stack.start("minio")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (wrong_password, "uthentication failed"),
        (missing_topic, TA_PROVISIONAL.name),
        (wrong_keys, "SignatureDoesNotMatch"),
        (missing_bucket, "NoSuchBucket"),
    ],
)
def test_what_keeps_the_job_from_starting_is_told_and_when_it_is_mended_nothing_is_missing(
    job: JobStack, fault: Callable[[JobStack], AbstractContextManager[None]], words: str
) -> None:
    with job.load():
        with fault(job):
            job.stack.kill("jobmanager")
            job.wait_for_reason(words)
            wait_until(
                lambda: any(words in record.reason for record in job.stack.document().processes.values()),
                READY_S,
                f"the stack's status to tell {words!r}, too",
            )
        job.stack.wait_ready("jobmanager", READY_S)
        job.wait_for_finals_after(time.time_ns())
    job.prove()


def test_checkpoints_that_fail_are_told_and_output_goes_on_when_they_succeed(job: JobStack) -> None:
    with job.load():
        job.stack.stop("minio")
        job.wait_for_reason("checkpoints fail")
        stalled_ns = time.time_ns()
        job.stack.start("minio")
        job.wait_for_finals_after(stalled_ns)
    job.prove()
