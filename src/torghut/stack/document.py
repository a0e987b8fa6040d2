"""`stack.json`: what runs, where it is reached, which files hold its credentials. Written by the supervisor alone."""

from __future__ import annotations

import msgspec

from torghut.platform.files import write_atomically
from torghut.platform.locks import is_locked
from torghut.platform.processes import Process
from torghut.stack.home import Home


class KafkaUser(msgspec.Struct, frozen=True):
    """A user's name, and the file with the password."""

    username: str
    password_file: str


class KafkaEndpoint(msgspec.Struct, frozen=True):
    """How to reach Kafka; `users` by role: forwarder, ta, audit, admin."""

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str
    ca_file: str
    users: dict[str, KafkaUser]


class SimAccount(msgspec.Struct, frozen=True):
    """The files with one account's key pair."""

    key_id_file: str
    secret_key_file: str


class SimEndpoint(msgspec.Struct, frozen=True):
    """The simulator's URLs, without the feed's path."""

    stream_url: str
    data_url: str
    control_url: str
    ledger_dir: str
    accounts: tuple[SimAccount, ...]


class ForwarderEndpoint(msgspec.Struct, frozen=True):
    """The forwarder's HTTP side."""

    health_url: str
    metrics_url: str


class S3Endpoint(msgspec.Struct, frozen=True):
    """The object store of checkpoints, and the files with the keys of the bucket's user."""

    endpoint: str
    bucket: str
    access_key_file: str
    secret_key_file: str


class ConsoleEndpoint(msgspec.Struct, frozen=True):
    """The web page."""

    url: str


class PrometheusEndpoint(msgspec.Struct, frozen=True):
    """Where metrics and alerts are asked."""

    url: str


class FlinkEndpoint(msgspec.Struct, frozen=True):
    """The JobManager's REST interface, and which job runs there."""

    rest_url: str
    job_id: str
    tag: str


class Endpoints(msgspec.Struct, frozen=True):
    """Everything that can be connected to. `forwarders` has one entry for each instance."""

    kafka: KafkaEndpoint
    sim: SimEndpoint | None = None
    forwarders: dict[str, ForwarderEndpoint] = {}
    s3: S3Endpoint | None = None
    flink: FlinkEndpoint | None = None
    console: ConsoleEndpoint | None = None
    prometheus: PrometheusEndpoint | None = None


class ProcessRecord(msgspec.Struct, frozen=True):
    """One process.

    `state` is waiting, starting, running, stopping, stopped, backing_off or done; `since_ns` is when that began,
    `ready_after_s` how long it took from its start to being ready.
    """

    pid: int | None
    log: str
    started: str | None
    state: str
    ready: bool
    reason: str
    since_ns: int
    ready_after_s: float | None
    starts: int
    wanted: bool

    @property
    def process(self) -> Process | None:
        """The process with its identity, if there is one."""
        return Process(self.pid, self.started) if self.pid is not None and self.started is not None else None


class StackDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The file. `revision` is that of the desired state it follows."""

    supervisor: Process
    revision: int
    feed: str
    topic_prefix: str
    kafka: KafkaEndpoint
    sim: SimEndpoint | None = None
    forwarder: ForwarderEndpoint | None = None
    forwarders: dict[str, ForwarderEndpoint] = {}
    s3: S3Endpoint | None = None
    flink: FlinkEndpoint | None = None
    console: ConsoleEndpoint | None = None
    prometheus: PrometheusEndpoint | None = None
    ports: dict[str, int]
    processes: dict[str, ProcessRecord]
    problem: str | None = None
    """Why the supervisor cannot follow the desired state, if so."""

    @property
    def ready(self) -> bool:
        """Whether everything that should run is ready."""
        return self.problem is None and all(record.ready for record in self.processes.values() if record.wanted)


def read_document(home: Home) -> StackDocument | None:
    """What the file says; None when there is none (or one of an older form)."""
    try:
        return msgspec.json.decode(home.document.read_bytes(), type=StackDocument)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def running_document(home: Home) -> StackDocument | None:
    """What the file says if a supervisor lives; what a dead one left is None."""
    return read_document(home) if is_locked(home.supervisor_lock) else None


def write_document(home: Home, document: StackDocument) -> None:
    """Replace the file in one step (0600: it names the places of secrets)."""
    write_atomically(home.document, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n", 0o600)
