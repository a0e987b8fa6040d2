"""What procedures see of the Flink job and of the object store with its state; see `ports` for the rules.

The job is deployed through the desired state: `job.tag` (its version), `job.parallelism`, `job.start_from` (`latest`,
`none` or a URI), `job.setting.NAME` (TA_ variables), and `job.submission`, the name of the deployment. Under a new
name the job starts from `job.start_from`; under a known one it goes on from where that deployment was, which makes
naming the former one the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class StoreReach:
    """What a pair of keys can do.

    `known`: the store takes them at all; `works`: they write, read and delete in the bucket of checkpoints; `beyond`:
    other buckets that they can read, which must be none.
    """

    known: bool
    works: bool
    beyond: tuple[str, ...] = ()


class StoreUsers(Protocol):
    """Users of the object store, by their keys: values `access_key` and `secret_key`."""

    def reach(self, keys: Mapping[str, str]) -> StoreReach:
        """Try them, in the bucket of checkpoints and in every other one."""
        ...

    def ensure(self, keys: Mapping[str, str]) -> None:
        """Make a user with these keys, by policy for the bucket of checkpoints only."""
        ...

    def remove(self, access_key: str) -> None:
        """Remove a user; its keys are refused from then on."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is complete. Ids grow, also across restarts from a checkpoint."""

    id: int
    begun_ns: int
    uri: str


@dataclass(frozen=True)
class Restored:
    """The checkpoint or savepoint that the running job was restored from."""

    id: int
    uri: str


@dataclass(frozen=True)
class JobHealth:
    """The job that runs, as it shows itself (not as it was asked for).

    Attributes:
        works: every task runs.
        version: the tag of the code that runs; empty when nothing does.
        submission: the deployment that it belongs to.
        failures: how often it came down since this deployment began.
        completed: checkpoints that were completed since it was started last.
        checkpoint: the newest complete one of those.
        since_ns: when its process was started last.
    """

    works: bool
    reason: str
    version: str = ""
    submission: str = ""
    failures: int = 0
    completed: int = 0
    checkpoint: Checkpoint | None = None
    restored: Restored | None = None
    since_ns: int = 0


@dataclass(frozen=True)
class Flow:
    """What went through the job since some time: trades that came in, final records of each version that came out."""

    trades: int
    bars: Mapping[str, int]
    signals: Mapping[str, int]


class FlinkJob(Protocol):
    """The job: what runs, its state, its output."""

    def health(self) -> JobHealth:
        """How it is now; a job that does not answer is one that does not work."""
        ...

    def versions(self) -> tuple[str, ...] | None:
        """The tags that could be deployed; None when nobody here knows: then it shows when one is deployed."""
        ...

    def former_versions(self) -> tuple[str, ...]:
        """The tags that were deployed before the present one, the last one first."""
        ...

    def take_savepoint(self, name: str) -> None:
        """Take a savepoint that is found again by this name; the job goes on."""
        ...

    def savepoint(self, name: str) -> str | None:
        """The URI of the complete savepoint of this name."""
        ...

    def written_ns(self, uri: str) -> int | None:
        """When the checkpoint or savepoint at a URI was complete; None when there is none."""
        ...

    def flow(self, since_ns: int) -> Flow:
        """What came in and out since then."""
        ...
