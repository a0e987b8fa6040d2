"""JobManager and TaskManager in application mode, and the status writer. Only there when a job is submitted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from torghut.job.admission import REFUSED
from torghut.job.launch import Launch, Store
from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import FlinkError
from torghut.platform.files import PRIVATE, make_secret, write_atomically
from torghut.platform.flink.commands import process_environment, taskmanager_command
from torghut.platform.flink.configuration import S3, Cluster, ClusterPorts, write_configuration
from torghut.platform.flink.rest import Flink
from torghut.stack.components import locate
from torghut.stack.context import Context, torghut
from torghut.stack.desired import TaSubmission
from torghut.stack.document import FlinkEndpoint
from torghut.stack.logs import tail
from torghut.stack.service import Answer, Service
from torghut.stack.services import kafka, minio
from torghut.stack.submission import JOB_ID, tags

_JOBMANAGER_PORTS = ("flink.rest", "flink.rpc", "flink.jobmanager-metrics")
_TASKMANAGER_PORTS = ("flink.taskmanager-metrics",)


_CAUSES = ("Caused by: ", REFUSED)
_HOLLOW = "Python process exits with code"
_LOG_LINES, _LOG_WIDTH = 400, 600


@dataclass(frozen=True)
class JobProbe:
    """Ready when every task of the job runs."""

    rest_url: str
    job_id: str

    def ask(self) -> Answer:
        """The answer of now."""
        try:
            with Flink(self.rest_url, timeout_s=1.0) as flink:
                job = flink.job(self.job_id)
                if job.works:
                    return Answer(True, "ok")
                cause = flink.last_error(self.job_id)
        except FlinkError as error:
            return Answer(False, str(error))
        return Answer(False, f"the job is {job.state}" + (f": {cause}" if cause else ""))


@dataclass(frozen=True)
class TaskManagerProbe:
    """Ready when the JobManager knows a TaskManager."""

    rest_url: str

    def ask(self) -> Answer:
        """The answer of now."""
        try:
            with Flink(self.rest_url, timeout_s=1.0) as flink:
                count = flink.taskmanagers()
        except FlinkError as error:
            return Answer(False, str(error))
        return Answer(count > 0, "ok" if count else "the JobManager does not know it yet")


class _Always:
    """For a process that is ready when it runs."""

    def ask(self) -> Answer:
        """Yes."""
        return Answer(True, "ok")


ALWAYS = _Always()


def services(context: Context) -> tuple[Service, ...]:
    """All three, if a job is submitted."""
    submission = context.settings.ta
    if submission is None:
        return ()
    cluster = _cluster(context, submission)
    launch_file = cluster.directory / "launch.json"
    environment = _environment(context, cluster, submission)
    store, user = minio.endpoint(context), kafka.endpoint(context).users["ta"]

    def prepare() -> None:
        for file in (store.access_key_file, store.secret_key_file, user.password_file):
            make_secret(Path(file))
        _write(context, cluster, submission, launch_file)

    jobmanager = Service(
        name="jobmanager",
        command=(locate(cache_directory()).python, "-m", "torghut.job.launch", str(launch_file)),
        environment={**environment, "TA_SUBMISSION": submission.id},
        probe=JobProbe(cluster.rest_url, JOB_ID),
        # Not Kafka: the job is planned while it starts, and waits for it then (`job.main`).
        depends_on=("minio", "store"),
        ports=context.named_ports(*_JOBMANAGER_PORTS),
        prepare=prepare,
        explain=lambda: why_it_ended(context.home.log("jobmanager")),
    )
    taskmanager = Service(
        name="taskmanager",
        command=taskmanager_command(cluster),
        environment={**environment, "TA_SUBMISSION": submission.id},
        probe=TaskManagerProbe(cluster.rest_url),
        # No dependency: it waits for its JobManager, and its start takes as long as Kafka's.
        ports=context.named_ports(*_TASKMANAGER_PORTS),
        prepare=prepare,
    )
    writer = Service(
        name="ta-status",
        command=torghut("ta", "status-writer"),
        environment={
            **kafka.client_environment(kafka.endpoint(context), "ta", context.settings.topic_prefix),
            "TA_JOB_ID": JOB_ID,
            "TA_TAG": submission.tag,
            "FLINK_REST_URL": cluster.rest_url,
        },
        probe=ALWAYS,
        depends_on=("kafka", "provision"),
    )
    return jobmanager, taskmanager, writer


def why_it_ended(log: Path) -> str | None:
    """The last cause that a JobManager's log tells: what kept it from starting, or a Java exception's."""
    found = [line.strip() for line in tail(log, _LOG_LINES, _LOG_WIDTH)]
    causes = [line.partition(word)[2] for line in found for word in _CAUSES if word in line and _HOLLOW not in line]
    return causes[-1] if causes else None


def _cluster(context: Context, submission: TaSubmission) -> Cluster:
    components = locate(cache_directory())
    rest, rpc, jobmanager = (context.ports.port(name) for name in _JOBMANAGER_PORTS)
    (taskmanager,) = (context.ports.port(name) for name in _TASKMANAGER_PORTS)
    return Cluster(
        directory=context.home.data / "flink",
        home=components.flink_home,
        environment=components.environment,
        ports=ClusterPorts(rest, rpc, jobmanager, taskmanager),
        slots=submission.parallelism,
        checkpoint_interval_ms=submission.checkpoint_interval_ms,
    )


def _environment(context: Context, cluster: Cluster, submission: TaSubmission) -> dict[str, str]:
    return {
        **process_environment(cluster, tags(context.home).code(submission.tag), os.environ.get("PATH", "")),
        **kafka.client_environment(kafka.endpoint(context), "ta", context.settings.topic_prefix),
        **submission.variables,
        "TA_JOB_ID": JOB_ID,
        "TA_TAG": submission.tag,
        "TA_PARALLELISM": str(submission.parallelism),
        # glibc would give each of the JVM's many threads an arena of its own, and the process gigabytes.
        "MALLOC_ARENA_MAX": "2",
    }


def _write(context: Context, cluster: Cluster, submission: TaSubmission, launch_file: Path) -> None:
    """Write the configuration of both processes, and what the JobManager is launched with."""
    store, user = minio.endpoint(context), kafka.endpoint(context).users["ta"]
    keys = (Path(file).read_text().strip() for file in (store.access_key_file, store.secret_key_file))
    login = (user.username, Path(user.password_file).read_text().strip())
    write_configuration(cluster, S3(store.endpoint, store.bucket, *keys), submission.id, login)
    for directory in ("tmp", "log", "pid"):
        (cluster.directory / directory).mkdir(parents=True, exist_ok=True)
    launch = Launch(
        directory=str(cluster.directory),
        home=str(cluster.home),
        environment=str(cluster.environment),
        ports=cluster.ports,
        store=Store(store.endpoint, store.bucket, store.access_key_file, store.secret_key_file),
        submission=submission.id,
        script=str(tags(context.home).script(submission.tag)),
        job_id=JOB_ID,
        start_from=submission.start_from,
        slots=cluster.slots,
        checkpoint_interval_ms=cluster.checkpoint_interval_ms,
    )
    write_atomically(launch_file, msgspec.json.encode(launch), PRIVATE)


def endpoint(context: Context) -> FlinkEndpoint:
    """Where the job is asked about."""
    submission = context.settings.ta
    rest = context.ports.port("flink.rest")
    return FlinkEndpoint(f"http://127.0.0.1:{rest}", JOB_ID, submission.tag if submission else "")
