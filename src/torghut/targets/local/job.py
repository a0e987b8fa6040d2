"""The Flink job of the stack: what its processes, its REST interface, its store and its topics show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from torghut.config import ConfigError
from torghut.ops.errors import UnavailableError
from torghut.platform.errors import FlinkError, PlatformError
from torghut.platform.flink.configuration import SAVEPOINTS
from torghut.platform.flink.rest import Flink
from torghut.platform.git import Repository
from torghut.platform.kafka.reader import ReadError
from torghut.platform.processes import started_ns
from torghut.platform.store_desk import FindSnapshots
from torghut.runbooks.job_ports import Flow, JobHealth
from torghut.stack.desired import parse_desired
from torghut.stack.document import FlinkEndpoint, ProcessRecord, StackDocument, running_document
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.logs import tail
from torghut.stack.running import RunningStack
from torghut.stack.submission import tags
from torghut.targets.job_records import flow_since
from torghut.targets.job_state import told_by_flink
from torghut.targets.local.store import ask_store

_NS_PER_MS: Final = 1_000_000
_PROCESSES: Final[tuple[str, ...]] = ("jobmanager", "taskmanager")
_LOG_LINES, _LOG_WIDTH = 4_000, 300


@dataclass(frozen=True)
class LocalJob:
    """The job in a home."""

    home: Home

    def health(self) -> JobHealth:
        """What the processes are, and what the JobManager says of the job."""
        document = running_document(self.home)
        if document is None or document.flink is None:
            raise UnavailableError(f"no job runs in {self.home.root}: `torghut ta submit`")
        records = {name: document.processes[name] for name in _PROCESSES if name in document.processes}
        environments = {name: _environment(record) for name, record in records.items()}
        jobmanager = environments.get("jobmanager", {})
        health = JobHealth(
            works=False,
            reason=_states(records),
            version=" and ".join(sorted({one["TA_TAG"] for one in environments.values() if "TA_TAG" in one})),
            submission=jobmanager.get("TA_SUBMISSION", ""),
            since_ns=max((started_ns(one.process) for one in records.values() if one.process), default=0),
        )
        asked = _asked(health, document.flink)
        crashes = 0 if asked.works else max(0, self._starts(health.submission) - 1)
        return replace(asked, failures=asked.failures + crashes)

    def versions(self) -> tuple[str, ...]:
        """Installed tags."""
        return tuple(tags(self.home).installed())

    def former_versions(self) -> tuple[str, ...]:
        """As the commits of the desired state tell."""
        contents = Repository(self.home.desired.parent).contents(self.home.desired.name)
        submissions = (parse_desired(content, "a commit").settings.ta for content in contents)
        deployed = [submission.tag for submission in submissions if submission is not None]
        known = self.versions()
        return tuple(tag for tag in dict.fromkeys(reversed(deployed)) if tag != deployed[-1] and tag in known)

    def take_savepoint(self, name: str) -> None:
        """Into a directory of this name."""
        document = self._document()
        if document.flink is None or document.s3 is None:
            raise UnavailableError("no job runs: there is nothing to take a savepoint of")
        try:
            with Flink(document.flink.rest_url) as flink:
                target = f"s3a://{document.s3.bucket}/{SAVEPOINTS}/{name}"
                flink.savepoint(document.flink.job_id, target, stop=False)
        except (PlatformError, TimeoutError) as error:
            raise UnavailableError(str(error)) from error

    def savepoint(self, name: str) -> str | None:
        """The newest complete one in its directory."""
        found = ask_store(self.home, FindSnapshots(f"{SAVEPOINTS}/{name}")).snapshots
        return found[0].uri if found else None

    def written_ns(self, uri: str) -> int | None:
        """When its metadata was written, to the second."""
        prefix = uri.removeprefix("s3a://").partition("/")[2]
        found = ask_store(self.home, FindSnapshots(prefix)).snapshots
        return found[0].finished_ms * _NS_PER_MS if found else None

    def flow(self, since_ns: int) -> Flow:
        """Counted in the topics, by the time of receipt, which is that of their records."""
        try:
            kafka = RunningStack(self.home).kafka("audit")
            return flow_since(kafka.client(), kafka.topic_prefix, since_ns)
        except (ConfigError, ReadError, StackError) as error:
            raise UnavailableError(f"the topics of the job cannot be read: {error}") from error

    def _document(self) -> StackDocument:
        document = running_document(self.home)
        if document is None:
            raise UnavailableError(f"no stack runs in {self.home.root}: start it with `torghut up`")
        return document

    def _starts(self, submission: str) -> int:
        """How often the JobManager was started for it, as its log says."""
        begin = f"submission {submission} starts "
        return sum(line.startswith(begin) for line in tail(self.home.log("jobmanager"), _LOG_LINES, _LOG_WIDTH))


def _environment(record: ProcessRecord) -> dict[str, str]:
    """The variables of a process that lives: what it was started as, whatever is wanted now."""
    if record.process is None:
        return {}
    try:
        content = Path(f"/proc/{record.process.pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(pair.partition("=")[::2] for pair in content.split("\0") if pair)


def _states(records: Mapping[str, ProcessRecord]) -> str:
    return "; ".join(f"{name} {record.state}: {record.reason}" for name, record in records.items()) or "not started"


def _asked(health: JobHealth, endpoint: FlinkEndpoint) -> JobHealth:
    """What Flink adds. Who does not answer does not work."""
    try:
        with Flink(endpoint.rest_url, timeout_s=3.0) as flink:
            return told_by_flink(health, flink, endpoint.job_id)
    except FlinkError:
        return health
