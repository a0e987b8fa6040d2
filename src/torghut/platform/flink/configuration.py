"""What a standalone Flink is configured with: config.yaml, the Kafka login, logging.

The files hold secrets (S3 keys, the Kafka password), so their directory is private. Flink hides the values of such keys
in its logs and on its pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torghut.platform.files import PRIVATE, make_private_directory, write_atomically
from torghut.platform.flink.environment import site_packages
from torghut.platform.ports import LOOPBACK

CHECKPOINTS: Final = "checkpoints"
SAVEPOINTS: Final = "savepoints"
_SCRAM_MODULE: Final = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class S3:
    """Where state is kept: an endpoint, a bucket, and the keys of a user who may use that bucket only."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class ClusterPorts:
    """TCP ports on the loopback. `metrics` is the first of two (JobManager, TaskManager)."""

    rest: int
    rpc: int
    jobmanager_metrics: int
    taskmanager_metrics: int


@dataclass(frozen=True)
class Cluster:
    """A JobManager and a TaskManager on this machine, with the directory that they own."""

    directory: Path
    home: Path
    environment: Path
    ports: ClusterPorts
    slots: int = 1
    checkpoint_interval_ms: int = 500

    @property
    def configuration(self) -> Path:
        """FLINK_CONF_DIR."""
        return self.directory / "conf"

    @property
    def login_file(self) -> Path:
        """The JAAS file with the Kafka user and password."""
        return self.configuration / "kafka-login.conf"

    @property
    def rest_url(self) -> str:
        """Where the JobManager answers."""
        return f"http://{LOOPBACK}:{self.ports.rest}"


def write_configuration(cluster: Cluster, s3: S3, submission: str, login: tuple[str, str] | None) -> None:
    """Write all configuration files.

    Args:
        cluster: whose they are.
        s3: where state is kept.
        submission: a name; each submission keeps its checkpoints apart, because after going back to an older state
            their numbers start again.
        login: Kafka user and password; None where Kafka asks for none.

    Raises:
        StorageError: the directory cannot be written.
    """
    directory = make_private_directory(cluster.configuration)
    settings = cluster_settings(cluster, s3, submission)
    lines = [f"{key}: {json.dumps(value)}" for key, value in settings.items()]
    write_atomically(directory / "config.yaml", ("\n".join(lines) + "\n").encode(), PRIVATE)
    write_atomically(cluster.login_file, login_text(login).encode(), PRIVATE)
    write_atomically(directory / "log4j-console.properties", _LOGGING.encode())


def login_text(login: tuple[str, str] | None) -> str:
    """The content of the file that `java.security.auth.login.config` names: Kafka user and password."""
    if login is None:
        return ""
    user, password = (json.dumps(part) for part in login)
    return f"KafkaClient {{\n  {_SCRAM_MODULE} required username={user} password={password};\n}};\n"


def java_options(environment: Path, login_file: Path) -> str:
    """What every JVM is started with: the options that the package asks for, and ours."""
    text = (site_packages(environment) / "pyflink" / "conf" / "config.yaml").read_text()
    found = re.search(r"^\s+all:\s*(.+)$", text, re.MULTILINE)
    own = f"-XX:-UsePerfData -Djava.awt.headless=true -Djava.security.auth.login.config={login_file}"
    return f"{found[1].strip() if found else ''} {own}".strip()


def checkpoints_prefix(submission: str) -> str:
    """Where in the bucket a submission's checkpoints are."""
    return f"{CHECKPOINTS}/{submission}"


def cluster_settings(cluster: Cluster, s3: S3, submission: str) -> Mapping[str, str | int | bool]:
    """The content of config.yaml. Memory is what a small machine has; see docs/decisions for how it was found."""
    ports = cluster.ports
    return {
        **_FIXED,
        "env.java.opts.all": java_options(cluster.environment, cluster.login_file),
        # The JobManager plans once and then waits: the second compiler and G1's threads would only slow its start.
        "env.java.opts.jobmanager": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "jobmanager.rpc.port": ports.rpc,
        "rest.port": ports.rest,
        "rest.bind-port": str(ports.rest),
        "taskmanager.numberOfTaskSlots": cluster.slots,
        "parallelism.default": cluster.slots,
        "io.tmp.dirs": str(cluster.directory / "tmp"),
        "execution.checkpointing.interval": f"{cluster.checkpoint_interval_ms} ms",
        "execution.checkpointing.dir": f"s3a://{s3.bucket}/{checkpoints_prefix(submission)}",
        "execution.checkpointing.savepoint-dir": f"s3a://{s3.bucket}/{SAVEPOINTS}",
        "fs.s3a.endpoint": s3.endpoint,
        "fs.s3a.access.key": s3.access_key,
        "fs.s3a.secret.key": s3.secret_key,
        "metrics.reporter.prom.port": f"{ports.jobmanager_metrics}",
    }


JOB_SETTINGS: Final[Mapping[str, str | int | bool]] = {
    "state.backend.type": "hashmap",
    "execution.checkpointing.mode": "EXACTLY_ONCE",
    "execution.checkpointing.min-pause": "0 ms",
    "execution.checkpointing.timeout": "60 s",
    "execution.checkpointing.num-retained": 3,
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    # A failed checkpoint delays output but must not restart the job: a restart would not make the store answer.
    "execution.checkpointing.tolerable-failed-checkpoints": 2147483647,
    # Small state goes into the checkpoint's own file: one object to write instead of many.
    "execution.checkpointing.data-inline-threshold": "1 mb",
    "restart-strategy.type": "exponential-delay",
    "restart-strategy.exponential-delay.initial-backoff": "500 ms",
    "restart-strategy.exponential-delay.max-backoff": "5 s",
    "heartbeat.interval": "1000 ms",
    "heartbeat.timeout": "5000 ms",
    "heartbeat.rpc-failure-threshold": 2,
    "fs.s3a.path.style.access": "true",
    # What REST tells of metrics is otherwise up to ten seconds old: a healthy job would look late.
    "metrics.fetcher.update-interval": "1000 ms",
    "metrics.reporters": "prom",
    "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
    "web.submit.enable": False,
    "web.cancel.enable": False,
}
"""What the job asks of any cluster, on this machine and on Kubernetes (`deploy/`)."""

_FIXED: Final[Mapping[str, str | int | bool]] = {
    **JOB_SETTINGS,
    "jobmanager.rpc.address": LOOPBACK,
    "jobmanager.bind-host": LOOPBACK,
    "taskmanager.host": LOOPBACK,
    "taskmanager.bind-host": LOOPBACK,
    "rest.address": LOOPBACK,
    "rest.bind-address": LOOPBACK,
    "jobmanager.memory.process.size": "768m",
    "jobmanager.memory.jvm-metaspace.size": "192m",
    "jobmanager.memory.jvm-overhead.min": "96m",
    "jobmanager.memory.off-heap.size": "64m",
    "taskmanager.memory.process.size": "1280m",
    "taskmanager.memory.jvm-metaspace.size": "192m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.managed.size": "64m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "fs.s3a.connection.ssl.enabled": "false",
}

_LOGGING: Final = """\
monitorInterval=30
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-40c{1} - %m%n
logger.kafka.name = org.apache.flink.kafka.shaded.org.apache.kafka
logger.kafka.level = WARN
logger.coordinator.name = org.apache.flink.runtime.checkpoint
logger.coordinator.level = WARN
logger.s3.name = org.apache.hadoop
logger.s3.level = ERROR
# The committers register the same metric again at every checkpoint, and Flink warns of it each time.
logger.metrics.name = org.apache.flink.metrics.MetricGroup
logger.metrics.level = ERROR
"""
