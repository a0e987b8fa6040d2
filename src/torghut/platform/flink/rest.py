"""Flink's REST interface: the few questions and orders that operating one job takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

import httpx
import msgspec

from torghut.platform.errors import FlinkError
from torghut.platform.waiting import wait_until

_REQUEST_S: Final = 10.0
_SAVEPOINT_DEADLINE_S: Final = 120.0
_CAUSE_LENGTH: Final = 500


class Vertex(msgspec.Struct, frozen=True):
    """A task of a job: its id, its name and the state of all its subtasks."""

    id: str
    name: str
    status: str


class Job(msgspec.Struct, frozen=True):
    """A job: `state` is RUNNING as soon as it is scheduled; it works when all vertices are RUNNING, too."""

    jid: str
    name: str
    state: str
    vertices: list[Vertex] = []

    @property
    def works(self) -> bool:
        """Whether every task runs."""
        return self.state == "RUNNING" and bool(self.vertices) and all(v.status == "RUNNING" for v in self.vertices)


class Checkpoint(msgspec.Struct, frozen=True):
    """A checkpoint, completed unless `status` says otherwise. Times in ms, size in bytes."""

    id: int
    trigger_timestamp: int
    end_to_end_duration: int
    state_size: int
    external_path: str | None = None
    latest_ack_timestamp: int = 0
    status: str = "COMPLETED"
    is_savepoint: bool = False


class Restored(msgspec.Struct, frozen=True):
    """What the job was restored from."""

    id: int
    is_savepoint: bool
    external_path: str | None = None


class Counts(msgspec.Struct, frozen=True):
    """How many checkpoints there were since the JobManager started."""

    completed: int
    failed: int


class FailedCheckpoint(msgspec.Struct, frozen=True):
    """The newest one that failed, and why."""

    id: int
    failure_message: str | None = None


class _Latest(msgspec.Struct, frozen=True):
    completed: Checkpoint | None = None
    failed: FailedCheckpoint | None = None
    restored: Restored | None = None


class Checkpoints(msgspec.Struct, frozen=True):
    """The state of checkpointing. `history`: the newest ten, of whatever status."""

    counts: Counts
    latest: _Latest
    history: list[Checkpoint] = []


class _Exception(msgspec.Struct, frozen=True, rename="camel"):
    exception_name: str
    stacktrace: str
    timestamp: int


class _History(msgspec.Struct, frozen=True):
    entries: list[_Exception] = []


class _Exceptions(msgspec.Struct, frozen=True, rename={"history": "exceptionHistory"}):
    history: _History = _History()


class _Overview(msgspec.Struct, frozen=True):
    taskmanagers: int


class _Listed(msgspec.Struct, frozen=True, rename={"start_time": "start-time"}):
    jid: str
    name: str
    start_time: int


class _Jobs(msgspec.Struct, frozen=True):
    jobs: list[_Listed]


class _Metric(msgspec.Struct, frozen=True):
    id: str
    value: str = ""


class _Refusal(msgspec.Struct):
    errors: list[str]


def _refusal(body: str) -> str:
    """The first line of what Flink says, without the stack trace."""
    try:
        text = msgspec.json.decode(body, type=_Refusal).errors[-1]
    except (msgspec.MsgspecError, IndexError):
        text = body
    return text.strip().partition("\n")[0].rpartition("Exception: ")[2][:_CAUSE_LENGTH]


def innermost_cause(stack_trace: Sequence[str]) -> str | None:
    """The last cause that a Java stack trace tells, in one line; without causes, its first line."""
    lines = [line.strip() for line in stack_trace if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")] or lines[:1]
    # pemja's words for an exception in Python: "pemja.core.PythonException: <class 'a.b.C'>: text"
    return causes[-1].removeprefix("pemja.core.PythonException: ")[:_CAUSE_LENGTH] if causes else None


class Flink:
    """A JobManager by its URL. Close it (`with`).

    With `through`, a client that somebody else made and closes, `url` is the path below which it answers there.
    """

    def __init__(self, url: str, timeout_s: float = _REQUEST_S, through: httpx.Client | None = None) -> None:
        # Loading the CAs of the web costs 20 ms each time; plain HTTP needs none of them.
        verify = url.startswith("https:")
        self._mine: Final = through is None
        self._below: Final = url if through else ""
        self._http: Final = through or httpx.Client(base_url=url, timeout=timeout_s, trust_env=False, verify=verify)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._mine:
            self._http.close()

    def _get(self, path: str, kind: Any) -> Any:  # noqa: ANN401 - what `kind` says
        return self._request("GET", path, kind)

    def _request(self, method: str, path: str, kind: Any, body: object = None) -> Any:  # noqa: ANN401 - as above
        try:
            response = self._http.request(method, f"{self._below}{path}", json=body)
        except httpx.HTTPError as error:
            raise FlinkError(
                f"Flink does not answer at {self._http.base_url}{self._below} ({type(error).__name__})"
            ) from error
        if response.is_error:
            raise FlinkError(f"Flink refused {method} {path}: {_refusal(response.text)}")
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.MsgspecError as error:
            raise FlinkError(f"Flink's answer to {method} {path} is not understood: {error}") from error

    def taskmanagers(self) -> int:
        """How many TaskManagers there are.

        Raises:
            FlinkError: no answer.
        """
        found: _Overview = self._get("/overview", _Overview)
        return found.taskmanagers

    def job_named(self, name: str) -> str:
        """The id of the job of that name, the newest if there are several.

        Raises:
            FlinkError: no answer, or there is no such job.
        """
        found: _Jobs = self._get("/jobs/overview", _Jobs)
        ours = [job for job in found.jobs if job.name == name]
        if not ours:
            raise FlinkError(f"Flink knows no job {name}: it is starting, or it was never submitted")
        return max(ours, key=lambda job: job.start_time).jid

    def job(self, job_id: str) -> Job:
        """The job and its tasks.

        Raises:
            FlinkError: no answer, or there is no such job.
        """
        found: Job = self._get(f"/jobs/{job_id}", Job)
        return found

    def checkpoints(self, job_id: str) -> Checkpoints:
        """Completed and failed checkpoints.

        Raises:
            FlinkError: as for `job`.
        """
        found: Checkpoints = self._get(f"/jobs/{job_id}/checkpoints", Checkpoints)
        return found

    def last_error(self, job_id: str) -> str | None:
        """The innermost cause of the newest failure, in one line.

        Raises:
            FlinkError: as for `job`.
        """
        return next(iter(self.errors(job_id)), None)

    def errors(self, job_id: str) -> tuple[str, ...]:
        """The innermost causes of the failures that Flink remembers since the JobManager started, the newest first.

        Raises:
            FlinkError: as for `job`.
        """
        found: _Exceptions = self._get(f"/jobs/{job_id}/exceptions", _Exceptions)
        return tuple(innermost_cause(entry.stacktrace.splitlines()) or "unknown" for entry in found.history.entries)

    def metrics(self, job_id: str, vertex: str, names: Sequence[str]) -> dict[str, str]:
        """Values of a vertex's metrics, `SUBTASK.NAME` to value; those that do not exist are left out.

        Raises:
            FlinkError: as for `job`.
        """
        path = f"/jobs/{job_id}/vertices/{vertex}/metrics"
        found: list[_Metric] = self._get(f"{path}?get={','.join(names)}" if names else path, list[_Metric])
        return {metric.id: metric.value for metric in found}

    def savepoint(self, job_id: str, directory: str, *, stop: bool) -> str:
        """Take a savepoint, and with `stop` end the job with it. Returns its path.

        Raises:
            FlinkError: it failed; the job goes on.
            TimeoutError: no end in two minutes.
        """
        if stop:
            order = self._request("POST", f"/jobs/{job_id}/stop", dict, {"drain": False, "targetDirectory": directory})
        else:
            body = {"cancel-job": False, "target-directory": directory}
            order = self._request("POST", f"/jobs/{job_id}/savepoints", dict, body)
        path = f"/jobs/{job_id}/savepoints/{order['request-id']}"

        def done() -> dict[str, Any] | None:
            answer: dict[str, Any] = self._get(path, dict)
            return answer["operation"] if answer["status"]["id"] == "COMPLETED" else None

        operation = wait_until(done, _SAVEPOINT_DEADLINE_S, "the savepoint to be complete", 0.1)
        if "location" not in operation:
            cause = operation.get("failure-cause", {}).get("stack-trace", "unknown").splitlines()
            raise FlinkError(f"the savepoint failed, the job goes on: {cause[0][:300]}")
        return str(operation["location"])
