"""The whole pipeline under load, and its processes killed one after the other: no bar and no signal is lost or doubled.

One stack serves all tests. What each kill cost stands in a table at the end of the run (`pytest -s`, or the log).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest
from tests.integration.stacks import quiet

from torghut.audit import AuditRequest, Report, run
from torghut.platform.flink.rest import Flink
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.signal_watch import SignalWatch
from torghut.stack.start import Wish, down, up
from torghut.stack.submission import job_status, prepare, running_job

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SERVICES = ("kafka", "sim", "forwarder", "minio", "jobmanager", "taskmanager", "ta")
RATE = 800
READY_S = 300.0
NS = 1_000_000_000


@dataclass
class Pipeline:
    """A stack with the job, somebody who reads its signals, and what each kill cost."""

    stack: RunningStack
    signals: SignalWatch
    costs: dict[str, str] = field(default_factory=dict)

    def newest_ns(self) -> int:
        """The end of the newest window whose signal was committed."""
        return max((row.end_ns for row in self.signals.traffic().newest), default=0)

    def wait_for_signals(self, after_ns: int) -> None:
        """Until a signal is committed whose window ended after this time."""
        wait_until(lambda: self.newest_ns() > after_ns, READY_S, "signals of windows after the kill", 0.1)

    def audit(self) -> Report:
        """Everything so far."""
        return run(
            AuditRequest(kafka=self.stack.kafka("audit"), ledger=self.stack.home.ledger, settle_s=5.0, wait_s=60.0)
        )


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    home = Home(tmp_path_factory.mktemp("kills"))
    try:
        up(home, Wish(only=SERVICES, rate=RATE, ta=prepare(home, "kills")), quiet, leash=True)
        stack = RunningStack(home)
        with SignalWatch(stack.kafka("audit")) as signals:
            made = Pipeline(stack, signals)
            made.wait_for_signals(0)
            yield made
            print("\nkilled        signals again after   audit")  # noqa: T201 - the table that the module promises
            for victim, cost in made.costs.items():
                print(f"{victim:<12}  {cost}")  # noqa: T201 - as above
    finally:
        down(home, quiet)


@pytest.mark.parametrize("victim", ["taskmanager", "jobmanager", "minio", "kafka", "forwarder"])
def test_a_killed_process_loses_and_doubles_no_signal(pipeline: Pipeline, victim: str) -> None:
    stack = pipeline.stack
    pipeline.wait_for_signals(time.time_ns())  # the load runs, and what was killed before has recovered
    jobmanager = stack.process("jobmanager")
    killed_ns = time.time_ns()
    stack.kill(victim)
    pipeline.wait_for_signals(killed_ns + NS)
    recovered_s = (time.time_ns() - killed_ns) / NS
    stack.wait_ready(victim, READY_S)
    wait_until(lambda: job_status(stack.home).status == "RUNNING", READY_S, "the job to run", 0.5)
    if victim == "jobmanager":
        assert _restored(stack)
    else:
        assert stack.process("jobmanager") == jobmanager  # the job went on by itself
    report = pipeline.audit()
    pipeline.costs[victim] = f"{recovered_s:8.1f} s            {report.verdict}"
    told = msgspec.to_builtins((report.channels, report.bars, report.signals))
    assert report.verdict == "ok", f"{told}\n" + "\n".join(map(str, report.examples))
    for counts in (report.bars, report.signals):
        assert counts.expected
        assert (counts.missing, counts.duplicated, counts.wrong) == (0, 0, 0)


def _restored(stack: RunningStack) -> bool:
    """Whether the job started from a checkpoint."""
    flink, _ = running_job(stack.home)
    with Flink(flink.rest_url) as rest:
        return rest.checkpoints(flink.job_id).latest.restored is not None
