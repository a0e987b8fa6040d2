"""How the two processes of a cluster are started: in the foreground, so that a supervisor holds the JVM's own pid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torghut.platform.flink.configuration import Cluster
from torghut.platform.flink.environment import site_packages


@dataclass(frozen=True)
class Submission:
    """A job in application mode: its script, its id, where its code is, and the state to start from."""

    script: Path
    job_id: str
    restore: str | None = None


def jobmanager_command(cluster: Cluster, submission: Submission) -> tuple[str, ...]:
    """A JobManager that runs this one job and ends with it."""
    restore = () if submission.restore is None else ("--fromSavepoint", submission.restore)
    return (
        str(cluster.home / "bin" / "standalone-job.sh"),
        "start-foreground",
        "--job-classname",
        "org.apache.flink.client.python.PythonDriver",
        "--job-id",
        submission.job_id,
        *restore,
        "-py",
        str(submission.script),
    )


def taskmanager_command(cluster: Cluster) -> tuple[str, ...]:
    """A TaskManager."""
    port = f"metrics.reporter.prom.port={cluster.ports.taskmanager_metrics}"
    return (str(cluster.home / "bin" / "taskmanager.sh"), "start-foreground", "-D", port)


def process_environment(cluster: Cluster, code: Path, path: str) -> dict[str, str]:
    """The variables that both need. `code`: where the job's own package is; `path`: the PATH of the outer process.

    Python runs inside the TaskManager's JVM, which finds its modules by PYTHONPATH alone.
    """
    return {
        "FLINK_HOME": str(cluster.home),
        "_FLINK_HOME_DETERMINED": "1",
        "FLINK_CONF_DIR": str(cluster.configuration),
        "FLINK_LOG_DIR": str(cluster.directory / "log"),
        "FLINK_PID_DIR": str(cluster.directory / "pid"),
        "PYTHONPATH": f"{code}:{site_packages(cluster.environment)}",
        "PATH": f"{cluster.environment / 'bin'}:{path}",
        "PYFLINK_CLIENT_EXECUTABLE": str(cluster.environment / "bin" / "python"),
    }
