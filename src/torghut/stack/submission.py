"""Submitting, stopping and looking at the job of a running stack."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from torghut.config import ConfigError, load
from torghut.job.launch import LATEST, NONE
from torghut.job.observing import Observer
from torghut.job.settings import JobSettings
from torghut.job.status import UNREACHABLE
from torghut.job.tags import TagError, Tags
from torghut.platform.artifacts import Report, cache_directory
from torghut.platform.flink.configuration import SAVEPOINTS
from torghut.platform.flink.rest import Flink
from torghut.stack.components import PACKAGE, ensure
from torghut.stack.desired import Desired, TaSubmission, change_desired, set_running
from torghut.stack.document import FlinkEndpoint, S3Endpoint, running_document
from torghut.stack.errors import NoStackError, StackError
from torghut.stack.home import Home
from torghut.wire.status import TaStatus

JOB_ID: Final = "7a000000000000000000000000000001"
"""Fixed: it is the same job, whatever its version, and it names the directory of its checkpoints."""
SAVEPOINT: Final = "savepoint"
VARIABLES: Final = (
    "TA_WATERMARK_MS",
    "TA_IDLE_TIMEOUT_MS",
    "TA_REVISION_S",
    "TA_RESET_ON_SESSION",
    "TA_TRANSACTION_TIMEOUT_MS",
)
"""The settings that go with a submission, as they are in the environment of who submits."""
_PROCESSES: Final = ("jobmanager", "taskmanager")


def tags(home: Home) -> Tags:
    """The versions of the job that are installed in this home."""
    return Tags(home.root / "tags")


def prepare(
    home: Home,
    tag: str | None = None,
    start_from: str = LATEST,
    *,
    parallelism: int = 1,
    checkpoint_interval_ms: int = 500,
    report: Report = lambda _line: None,
    environment: Mapping[str, str] = os.environ,
) -> TaSubmission:
    """A submission, with all that it needs on this machine; nothing runs yet. The parameters are those of `submit`.

    Raises:
        StackError: the tag or a TA_ variable cannot be used.
        PlatformError: a component is missing.
    """
    variables = {name: value for name in VARIABLES if (value := environment.get(name))}
    try:
        installed = tags(home).install(tag, PACKAGE)
        load(JobSettings, variables)
    except (TagError, ConfigError) as error:
        raise StackError(str(error)) from error
    report(f"version {installed.name} of the job")
    ensure(cache_directory(environment), report)
    number = f"{time.time_ns() // 1_000_000}"
    return TaSubmission(number, installed.name, start_from, parallelism, checkpoint_interval_ms, variables)


def submit(
    home: Home,
    tag: str | None = None,
    start_from: str = LATEST,
    *,
    parallelism: int = 1,
    checkpoint_interval_ms: int = 500,
    report: Report = lambda _line: None,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Run the job of `tag` in the running stack; the revision of the desired state that says so.

    A tag that is not installed is made of the code that runs now; None is a tag named after that code. `start_from`:
    `latest` (checkpoint or savepoint, if there is one), `savepoint` (one that is taken now, and stops the job that
    runs), `none`, or a URI.

    Raises:
        StackError: there is no stack, no job to take a savepoint of, or the tag or a TA_ variable cannot be used.
        PlatformError: a component is missing, or the savepoint failed.
    """
    if running_document(home) is None:
        raise NoStackError(f"no stack runs in {home.root}: start it with `torghut up`")
    submission = prepare(
        home,
        tag,
        start_from,
        parallelism=parallelism,
        checkpoint_interval_ms=checkpoint_interval_ms,
        report=report,
        environment=environment,
    )
    if start_from == SAVEPOINT:
        submission = msgspec.structs.replace(submission, start_from=take_savepoint(home, stop=True))
        report(f"stopped with {submission.start_from}")

    def change(desired: Desired) -> Desired:
        processes = {name: process for name, process in desired.processes.items() if name not in _PROCESSES}
        settings = msgspec.structs.replace(desired.settings, ta=submission)
        return msgspec.structs.replace(desired, settings=settings, processes=processes)

    return change_desired(home, change).revision


def take_savepoint(home: Home, *, stop: bool) -> str:
    """Take a savepoint of the running job, with `stop` ending it; returns its URI.

    Raises:
        StackError: no job runs.
        PlatformError: it failed; the job goes on.
    """
    flink, store = running_job(home)
    with Flink(flink.rest_url) as rest:
        uri = rest.savepoint(flink.job_id, f"s3a://{store.bucket}/{SAVEPOINTS}", stop=stop)
    if stop:
        for name in _PROCESSES:
            set_running(home, name, False)
    return uri


def running_job(home: Home) -> tuple[FlinkEndpoint, S3Endpoint]:
    """Where the job and its state are.

    Raises:
        StackError: no stack runs, or no job was submitted.
    """
    document = running_document(home)
    if document is None:
        raise NoStackError(f"no stack runs in {home.root}: start it with `torghut up`")
    if document.flink is None or document.s3 is None:
        raise StackError("no job was submitted: `torghut ta submit`")
    return document.flink, document.s3


def job_status(home: Home) -> TaStatus:
    """What the job says of itself now.

    Raises:
        StackError: no stack runs, or no job was submitted.
    """
    flink, _ = running_job(home)
    settings = load(JobSettings, {"TA_JOB_ID": flink.job_id, "TA_TAG": flink.tag})
    with Flink(flink.rest_url) as rest:
        status = Observer(rest, settings).observe(time.time_ns())
    document = running_document(home)
    process = document.processes.get("jobmanager") if document else None
    if status.status == UNREACHABLE and process is not None:
        # Whoever started it knows more about a process that does not answer.
        return msgspec.structs.replace(status, reason=f"jobmanager {process.state}: {process.reason}")
    return status


__all__ = [
    "JOB_ID",
    "LATEST",
    "NONE",
    "SAVEPOINT",
    "job_status",
    "prepare",
    "running_job",
    "submit",
    "tags",
    "take_savepoint",
]
