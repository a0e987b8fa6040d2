"""A job with its store, in memory, that procedures run against; every change and every look is a spark of the fuse.

What a version does is said by its name: `good`, `better` and `best` work; `crashes` comes down at once, `silent` runs
and emits nothing, `stranger` cannot read any state but its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

from tests.unit.ops.world import Fuse

from torghut.ops.errors import UnavailableError
from torghut.runbooks.job_ports import Checkpoint, Flow, JobHealth, Restored, StoreReach
from torghut.runbooks.lag_ports import LagReading
from torghut.runbooks.ports import Change, Instance, Ports

OLD = {"access_key": "old-access", "secret_key": "old-secret-of-the-store"}
NEW = {"access_key": "new-access", "secret_key": "new-secret-of-the-store"}
FIRST = {"job.tag": "good", "job.submission": "first", "job.start_from": "none", "job.parallelism": "1"}
BAD = ("crashes", "silent", "stranger")


@dataclass
class Cluster:
    """What there is. Time is a counter; every look lets the running job complete another checkpoint."""

    fuse: Fuse = field(default_factory=Fuse)
    users: dict[str, str] = field(default_factory=lambda: {OLD["access_key"]: OLD["secret_key"]})
    beyond: tuple[str, ...] = ()
    secret: dict[str, str] = field(default_factory=lambda: dict(OLD))
    committed: dict[str, str] = field(default_factory=lambda: dict(FIRST))
    drifted: tuple[str, ...] = ()
    tags: list[str] = field(default_factory=lambda: ["good", "better", "best", *BAD])
    history: list[str] = field(default_factory=lambda: ["best", "good"])
    savepoints: dict[str, str] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    trades: int = 100
    token: str = ""
    restarts: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    readings: list[LagReading] = field(default_factory=list)
    now: int = 100
    runs: dict[str, str] = field(default_factory=dict)
    """The values that the processes were started with."""
    keys: dict[str, str] = field(default_factory=dict)
    since: int = 0
    checkpoint: int = 10
    completed: int = 0
    restored: Restored | None = None

    def __post_init__(self) -> None:
        self.start()

    def changed(self, what: str) -> None:
        self.fuse.spark()
        self.changes.append(what)

    def start(self) -> None:
        """Start the processes anew, as is wanted now."""
        same = self.runs.get("job.submission") == self.committed["job.submission"]
        start_from = self.committed["job.start_from"]
        uri = f"s3a://b/{self.committed['job.submission']}/chk-{self.checkpoint}" if same or not self.runs else ""
        uri = uri or (start_from if start_from != "latest" else f"s3a://b/{self.runs['job.submission']}/chk")
        self.restored = Restored(self.checkpoint, uri)
        self.written.setdefault(uri, self.now)
        self.now += 1
        self.runs, self.keys, self.since, self.completed = dict(self.committed), dict(self.secret), self.now, 0

    @property
    def version(self) -> str:
        return self.runs["job.tag"]

    @property
    def works(self) -> bool:
        return self.version not in {"crashes", "stranger"} and self.known(self.keys)

    def known(self, keys: Mapping[str, str]) -> bool:
        return self.users.get(keys["access_key"]) == keys["secret_key"]

    def ports(self) -> Ports:
        mine: dict[str, Any] = {
            "desired": _Desired(self),
            "secrets": _Secrets(self),
            "workloads": _Workloads(self),
            "store": _Store(self),
            "job": _Job(self),
            "lag": _Lag(self),
        }
        others = {part.name: None for part in fields(Ports) if part.name not in mine}
        return Ports(**mine, **cast("Any", others))


@dataclass
class _Desired:
    cluster: Cluster

    def committed(self) -> Mapping[str, str]:
        return self.cluster.committed

    def live(self) -> Mapping[str, str]:
        self.cluster.fuse.spark()
        return self.cluster.committed

    def apply(self, values: Mapping[str, str], change: Change) -> None:
        if {**self.cluster.committed, **values} == self.cluster.committed:
            return
        self.cluster.changed(change.message)
        self.cluster.committed |= values
        self.cluster.history.append(self.cluster.committed["job.tag"])
        self.cluster.start()
        self.cluster.fuse.spark()

    def drift(self) -> tuple[str, ...]:
        return self.cluster.drifted


@dataclass
class _Secrets:
    cluster: Cluster

    def digest_of(self, values: Mapping[str, str]) -> str:
        return f"digest:{abs(hash(tuple(sorted(values.items())))):x}"

    def desired(self, name: str) -> str:
        return self.cluster.committed.get(f"secret.{name}", "")

    def live(self, name: str) -> str:
        assert name == "s3"
        return self.digest_of(self.cluster.secret)

    def source(self, name: str) -> str:
        return self.live(name)

    def read(self, name: str) -> Mapping[str, str]:
        assert name == "s3"
        return self.cluster.secret

    def put(self, name: str, values: Mapping[str, str], change: Change) -> None:
        self.cluster.changed(change.message)
        self.cluster.secret = dict(values)
        self.cluster.fuse.spark()
        self.cluster.committed[f"secret.{name}"] = self.digest_of(values)

    def restore(self, name: str, change: Change) -> None:
        raise NotImplementedError


@dataclass
class _Workloads:
    cluster: Cluster

    def instances(self, workload: str) -> tuple[Instance, ...]:
        self.cluster.fuse.spark()
        ready = self.cluster.works if workload == "job" else True
        return (Instance(workload, ready, "ok" if ready else "down", self.cluster.token, self.cluster.since),)

    def restart(self, workload: str, change: Change) -> None:
        if self.cluster.token == change.token:
            return
        self.cluster.changed(change.message)
        self.cluster.token = change.token
        self.cluster.restarts.append(f"{workload} {change.token}")
        self.cluster.start()
        self.cluster.fuse.spark()


@dataclass
class _Store:
    cluster: Cluster

    def reach(self, keys: Mapping[str, str]) -> StoreReach:
        self.cluster.fuse.spark()
        known = self.cluster.known(keys)
        return StoreReach(known, known, self.cluster.beyond if known else ())

    def ensure(self, keys: Mapping[str, str]) -> None:
        self.cluster.changed("ensure a user")
        self.cluster.users[keys["access_key"]] = keys["secret_key"]
        self.cluster.fuse.spark()

    def remove(self, access_key: str) -> None:
        self.cluster.changed("remove a user")
        self.cluster.users.pop(access_key, None)
        self.cluster.fuse.spark()


@dataclass
class _Job:
    cluster: Cluster

    def health(self) -> JobHealth:
        cluster = self.cluster
        cluster.fuse.spark()
        cluster.now += 1
        if cluster.works:
            cluster.checkpoint += 1
            cluster.completed += 1
        newest = Checkpoint(cluster.checkpoint, cluster.now, "s3a://b/chk")
        return JobHealth(
            works=cluster.works,
            reason="ok" if cluster.works else "it came down",
            version=cluster.version,
            submission=cluster.runs["job.submission"],
            failures=0 if cluster.works else 5,
            completed=cluster.completed,
            checkpoint=newest if cluster.completed else None,
            restored=cluster.restored,
            since_ns=cluster.since,
        )

    def versions(self) -> tuple[str, ...]:
        return tuple(self.cluster.tags)

    def former_versions(self) -> tuple[str, ...]:
        history = self.cluster.history
        return tuple(tag for tag in dict.fromkeys(reversed(history)) if tag != history[-1])

    def take_savepoint(self, name: str) -> None:
        if not self.cluster.works:
            raise UnavailableError("no job")
        self.cluster.changed("savepoint")
        self.cluster.savepoints[name] = f"s3a://b/savepoints/{name}"
        self.cluster.fuse.spark()

    def savepoint(self, name: str) -> str | None:
        self.cluster.fuse.spark()
        return self.cluster.savepoints.get(name)

    def written_ns(self, uri: str) -> int | None:
        return self.cluster.written.get(uri)

    def flow(self, since_ns: int) -> Flow:
        assert since_ns <= self.cluster.now
        out = {self.cluster.version: 7} if self.cluster.trades and self.cluster.version != "silent" else {}
        return Flow(self.cluster.trades, out, out)


@dataclass
class _Lag:
    cluster: Cluster

    def read(self) -> LagReading:
        """The next of the readings; the last one stays."""
        self.cluster.fuse.spark()
        readings = self.cluster.readings
        return readings.pop(0) if len(readings) > 1 else readings[0]
