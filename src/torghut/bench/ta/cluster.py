"""JobManager and TaskManager of one subject: processes of their own, which can be paused as a whole.

Paused (SIGSTOP), a job does nothing while its input grows. When it goes on, its JIT is warm and its connections stand:
what is measured then is how it works, not how it starts.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from torghut.bench.errors import BenchError
from torghut.bench.ta.place import Place
from torghut.bench.usage import Usage, usage_of
from torghut.platform.errors import FlinkError
from torghut.platform.flink.commands import Submission, jobmanager_command, process_environment, taskmanager_command
from torghut.platform.flink.configuration import S3, Cluster, ClusterPorts, write_configuration
from torghut.platform.flink.rest import Checkpoint, Flink
from torghut.platform.ports import free_port
from torghut.platform.waiting import wait_until
from torghut.stack.context import child_environment
from torghut.stack.logs import tail

START_S: Final = 400.0
"""A JVM with PyFlink starts in half a minute on an idle machine; this one may not be idle."""
_END_S: Final = 5.0
_PATIENCE: Final = ("-D", "heartbeat.timeout=900000")
"""A paused process is no dead one."""


class RunningJob:
    """The job of a subject, and the two JVMs that run it."""

    def __init__(
        self, flink: Flink, job_id: str, manager: subprocess.Popen[bytes], worker: subprocess.Popen[bytes]
    ) -> None:
        self._flink: Final = flink
        self._job_id: Final = job_id
        self._manager: Final = manager
        self._worker: Final = worker

    def check(self) -> None:
        """Raise BenchError if a process ended or the job failed."""
        for name, process in (("JobManager", self._manager), ("TaskManager", self._worker)):
            if process.poll() is not None:
                raise BenchError(f"the {name} ended by itself with code {process.returncode}")

    def works(self) -> bool:
        """Whether all tasks run.

        Raises:
            BenchError: a process ended, or the job failed.
        """
        self.check()
        try:
            job = self._flink.job(self._job_id)
        except FlinkError:
            return False
        if job.state in {"FAILED", "FINISHED", "CANCELED"}:
            raise BenchError(f"the job is {job.state}: {self._flink.last_error(self._job_id)}")
        return job.works

    def pause(self) -> None:
        """Let both, and what they started, stand still."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for process in (self._manager, self._worker):
            os.killpg(process.pid, number)

    def checkpoints(self) -> list[Checkpoint]:
        """The newest completed ones."""
        found = self._flink.checkpoints(self._job_id).history
        return [checkpoint for checkpoint in found if checkpoint.status == "COMPLETED" and not checkpoint.is_savepoint]

    def worker(self) -> Usage:
        """What the TaskManager took, with the Python processes that it started."""
        return _total(self._worker.pid)

    def manager(self) -> Usage:
        """What the JobManager took."""
        return _total(self._manager.pid)

    def end(self) -> None:
        """Kill both: nothing of theirs is needed any more."""
        for process in (self._worker, self._manager):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(_END_S)


def _total(group: int) -> Usage:
    """All processes of a group together. Peaks need not have been at one time."""
    members = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                members.append(usage_of(int(entry.name)))
        except OSError:
            continue  # it ended while we looked
    return Usage(sum(one.cpu_s for one in members), sum(one.peak_mb for one in members))


@contextmanager
def running_job(
    place: Place, prefix: str, script: Path, checkpoint_interval_ms: int, watermark_ms: int
) -> Iterator[RunningJob]:
    """The job of `script` on topics with that prefix, from when all its tasks run until the context is left.

    Raises:
        BenchError: it did not come to run.
    """
    cluster = _cluster(place, prefix, checkpoint_interval_ms)
    job_id = secrets.token_hex(16)
    environment = child_environment(
        {
            **process_environment(cluster, place.code, os.environ.get("PATH", "")),
            **place.stack.environment("ta", prefix),
            "TA_JOB_ID": job_id,
            "TA_TAG": "bench",
            "TA_WATERMARK_MS": str(watermark_ms),
            "MALLOC_ARENA_MAX": "2",
        }
    )
    manage = jobmanager_command(cluster, Submission(script, job_id))
    manager = _start((*manage[:2], *_PATIENCE, *manage[2:]), environment, cluster.directory / "jobmanager.log")
    worker = _start((*taskmanager_command(cluster), *_PATIENCE), environment, cluster.directory / "taskmanager.log")
    with Flink(cluster.rest_url) as flink:
        job = RunningJob(flink, job_id, manager, worker)
        try:
            _wait(job, cluster.directory)
            yield job
        finally:
            job.end()


def _wait(job: RunningJob, logs: Path) -> None:
    """Until it works."""
    try:
        wait_until(job.works, START_S, "the job to run", 0.2)
    except TimeoutError as error:
        said = " / ".join(line for log in sorted(logs.glob("*.log")) for line in tail(log, 2))
        raise BenchError(f"{error}; the last that its processes said: {said}") from error


def _start(command: tuple[str, ...], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "torghut.bench.ta.leash", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )


def _cluster(place: Place, prefix: str, checkpoint_interval_ms: int) -> Cluster:
    document, components = place.stack.document(), place.components
    store = document.s3
    if store is None:
        raise BenchError("the stack has no object store")
    cluster = Cluster(
        directory=place.arena.directory / prefix.rstrip("."),
        home=components.flink_home,
        environment=components.environment,
        ports=ClusterPorts(free_port(), free_port(), free_port(), free_port()),
        checkpoint_interval_ms=checkpoint_interval_ms,
    )
    for name in ("tmp", "log", "pid"):
        (cluster.directory / name).mkdir(parents=True)
    user = document.kafka.users["ta"]
    keys = (Path(file).read_text().strip() for file in (store.access_key_file, store.secret_key_file))
    login = user.username, Path(user.password_file).read_text().strip()
    write_configuration(cluster, S3(store.endpoint, store.bucket, *keys), prefix.rstrip("."), login)
    return cluster
