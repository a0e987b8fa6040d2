"""A Flink job in the played cluster, with its operator, its pods, its REST interface, and the store with its state.

The operator follows its documentation: a new `savepointRedeployNonce` starts from `initialSavepointPath` whatever runs,
and is called stable at once; any other change of the spec goes on from the newest checkpoint. Time is its own: it
passes by starts and by looks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from tests.unit.targets.played_cluster import PlayedCluster, Thing

from torghut.ops.errors import UnavailableError
from torghut.platform.kubernetes import api as kinds
from torghut.platform.kubernetes.api import Ref
from torghut.platform.store_desk import EnsureUser, FindSnapshots, Found, FoundSnapshot, RemoveUser, Request, TryKeys
from torghut.runbooks.job_ports import Flow
from torghut.targets.kubernetes.job import KubernetesJob
from torghut.targets.kubernetes.place import Place
from torghut.targets.kubernetes.store import ObjectStore

JOB = Ref(kinds.FLINK_DEPLOYMENT, "torghut", "torghut-ta")
ROOT = ("root", "root-secret")
KEYS = {"fs.s3a.access.key": "first-user", "fs.s3a.secret.key": "first-secret"}
_JOB_ID = "a" * 32
_PATH = re.compile(r"/pods/(?P<pod>[^/:]+):8081/proxy(?P<path>/.*)$")
_IGNORED = {"initialSavepointPath", "savepointTriggerNonce"}
_RETAINED = 3


@dataclass
class PlayedJob:
    """Flink and its operator. `things` of the cluster are what it acts on."""

    cluster: PlayedCluster
    bad: set[str] = field(default_factory=set)
    """Versions that crash."""
    absent: set[str] = field(default_factory=set)
    """Tags that the registry does not have."""
    metrics: Callable[[str], list[Thing]] = field(default=lambda _: [])
    """Of the one vertex, by names (`played_lag`)."""
    stuck: bool = False
    """The operator does nothing any more."""
    wants: str = ""
    """The only access key that it works with."""
    failing: str = ""
    """Why no savepoint succeeds."""
    users: dict[str, str] = field(default_factory=lambda: {KEYS["fs.s3a.access.key"]: KEYS["fs.s3a.secret.key"]})
    saved: dict[str, int] = field(default_factory=dict)
    """The store: URIs of what is complete, and when (ms)."""
    ours: list[str] = field(default_factory=list)
    """Checkpoints of the lineage that runs, which it deletes when they are too many."""
    restored: str = ""
    completed: int = 0
    number: int = 0
    passed_over: list[str] = field(default_factory=list)
    """Newer checkpoints than the one that the last redeployment started from."""
    starts: list[str] = field(default_factory=list)
    """Where each start came from."""
    now_s: int = field(default_factory=lambda: int(time.time()) - 100_000)
    keys: tuple[str, str] = ("", "")
    """With which its pods were started."""
    only: tuple[str, str] = ("", "")
    """The only login that it works with."""
    login: tuple[str, str] = ("", "")
    accepted: bool = False
    """By the brokers, when its pods were started."""
    done: Thing = field(default_factory=dict)
    """The spec that the operator has taken up."""

    def __post_init__(self) -> None:
        self.cluster.actors.append(self.act)
        self.cluster.behind.append(self.answer)

    # The operator

    def act(self) -> None:
        """Look at the resource, and at orders of savepoints."""
        there = self.cluster.get(JOB)
        if there is None or self.stuck:
            return
        spec = there["spec"]
        if not self.done or _weighs(spec) != _weighs(self.done):
            self._start(there)
            self.done = spec
        self._tell(there)
        for order in self.cluster.of(kinds.FLINK_SNAPSHOT, "torghut"):
            if "status" not in order:
                order["status"] = self._save() if self.works else {"state": "ABANDONED", "error": "not running"}

    def _start(self, there: Thing) -> None:
        job, before = there["spec"]["job"], self.done.get("job", {})
        if job.get("savepointRedeployNonce") != before.get("savepointRedeployNonce"):
            self.restored, self.ours = job["initialSavepointPath"], []
            self.passed_over = [uri for uri in self.saved if self._newer(uri)]
        elif self.ours:
            self.restored = self.ours[-1]
        mounted = self.cluster.secret("torghut", "torghut-minio")
        self.keys = mounted["fs.s3a.access.key"], mounted["fs.s3a.secret.key"]
        self.login = self._login(there["spec"]["podTemplate"]["spec"])
        fits = self.only in {("", ""), self.login}
        self.accepted = fits and self.cluster.users.get(self.login[0]) == self.login[1]
        self.starts.append(self.restored)
        self.completed = 0
        self.now_s += 10
        self._pods(there)

    def _login(self, spec: Thing) -> tuple[str, str]:
        """The user in the environment, and the password that is mounted."""
        user = next(one["value"] for one in spec["containers"][0]["env"] if one["name"] == "KAFKA_USERNAME")
        volume = next(one for one in spec["volumes"] if one["name"] == "kafka")
        mounted = volume["projected"]["sources"][0]["secret"]["name"]
        return user, self.cluster.secret("torghut", mounted).get("password", "")

    def _newer(self, uri: str) -> bool:
        """Whether it is of the same deployment as what was restored, and newer."""
        directory = self.restored.rpartition("/chk-")[0]
        return bool(directory) and uri.startswith(directory) and self.saved[uri] > self.saved[self.restored]

    def _pods(self, there: Thing) -> None:
        for old in self.cluster.pods("ta"):
            del self.cluster.things[Ref(kinds.POD, "torghut", old["metadata"]["name"]).path]
        template, waits = there["spec"]["podTemplate"], self.tag(there) in self.absent
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now_s))
        state = {"waiting": {"reason": "ImagePullBackOff"}} if waits else {"running": {"startedAt": started}}
        for component in ("jobmanager", "taskmanager"):
            labels = {**template["metadata"]["labels"], "component": component}
            meta = {**template["metadata"], "name": f"torghut-ta-{component}", "namespace": "torghut", "labels": labels}
            self.cluster.put(
                {
                    "kind": "Pod",
                    "metadata": meta,
                    "spec": template["spec"],
                    "status": {
                        "phase": "Pending" if waits else "Running",
                        "conditions": [{"type": "Ready", "status": "False" if waits else "True"}],
                        "containerStatuses": [{"state": state, "restartCount": 0}],
                    },
                }
            )

    def _tell(self, there: Thing) -> None:
        """Its status. The job is called RUNNING by Flink alone."""
        ready = "READY" if self.tag(there) not in self.absent else "ERROR"
        there["status"] = {
            "observedGeneration": there["metadata"]["generation"],
            "lifecycleState": "STABLE",
            "jobManagerDeploymentStatus": ready,
            "jobStatus": {"state": "RUNNING" if self.works else "RECONCILING"},
            "reconciliationStatus": {"state": "DEPLOYED"},
        }
        if ready == "ERROR":
            there["status"]["error"] = '{"type": "X", "message": "Back-off pulling image"}'

    def _save(self) -> Thing:
        if self.failing:
            return {"state": "FAILED", "error": self.failing}
        self.number += 1
        uri = f"s3a://torghut-checkpoints/savepoints/savepoint-{self.number}"
        self.saved[uri] = self.now_s * 1000
        return {"state": "COMPLETED", "path": uri}

    @staticmethod
    def tag(there: Thing) -> str:
        """The version that is wanted."""
        return str(there["spec"]["image"]).rpartition(":")[2]

    @property
    def works(self) -> bool:
        """Whether what runs is any good, and can read its state with the keys that it was started with."""
        there = self.cluster.get(JOB)
        known = self.users.get(self.keys[0]) == self.keys[1] and self.wants in {"", self.keys[0]}
        return there is not None and known and self.accepted and not {self.tag(there)} & (self.bad | self.absent)

    # Flink

    def answer(self, request: httpx.Request) -> httpx.Response | None:
        """REST, passed on by the API server."""
        found = _PATH.search(request.url.path)
        if found is None or found["pod"] != "torghut-ta-jobmanager":
            return None
        self.cluster.act()
        if found["path"] == "/jobs/overview":
            one = {"jid": _JOB_ID, "name": "torghut-ta", "start-time": self.now_s * 1000}
            return httpx.Response(200, json={"jobs": [one]})
        if found["path"].endswith("/metrics"):
            return httpx.Response(200, json=self.metrics(request.url.params.get("get", "")))
        return httpx.Response(200, json=self._told(found["path"].removeprefix(f"/jobs/{_JOB_ID}")))

    def _told(self, path: str) -> Thing:
        if path == "/checkpoints":
            return self._checkpoints()
        if path == "/exceptions":
            crash = {"exceptionName": "X", "stacktrace": "Caused by: X: this version is bad", "timestamp": 1}
            return {"exceptionHistory": {"entries": [] if self.works else [crash] * 3}}
        state = "RUNNING" if self.works else "RESTARTING"
        vertex = {"id": "v", "name": "job", "status": "RUNNING" if self.works else "CREATED"}
        return {"jid": _JOB_ID, "name": "torghut-ta", "state": state, "vertices": [vertex]}

    def _checkpoints(self) -> Thing:
        if self.works:
            self._checkpoint()
        newest = None
        if self.completed:
            newest = {
                "id": self.number,
                "trigger_timestamp": self.saved[self.ours[-1]],
                "end_to_end_duration": 40,
                "state_size": 1,
                "external_path": self.ours[-1],
            }
        restored = {"id": 1, "is_savepoint": "savepoints" in self.restored, "external_path": self.restored}
        return {
            "counts": {"completed": self.completed, "failed": 0},
            "latest": {"completed": newest, "restored": restored if self.restored else None},
        }

    def _checkpoint(self) -> None:
        directory = self.done["flinkConfiguration"]["execution.checkpointing.dir"]
        self.number, self.completed, self.now_s = self.number + 1, self.completed + 1, self.now_s + 1
        uri = f"{directory}/{_JOB_ID}/chk-{self.number}"
        self.saved[uri] = self.now_s * 1000
        self.ours.append(uri)
        while len(self.ours) > _RETAINED:
            self.saved.pop(self.ours.pop(0), None)

    def versions_out(self, since_ns: int) -> Flow:
        """Trades came in all the time; finals come out of what works."""
        assert since_ns > 0
        there = self.cluster.get(JOB)
        out = {self.tag(there): 3} if there is not None and self.works else {}
        return Flow(7, out, out)


def _weighs(spec: Thing) -> Thing:
    """What of a spec makes the operator act."""
    return {**spec, "job": {name: value for name, value in spec["job"].items() if name not in _IGNORED}}


@dataclass(frozen=True)
class PlayedStore(ObjectStore):
    """The store that the played job keeps its state in."""

    job: PlayedJob = field(default_factory=lambda: PlayedJob(PlayedCluster()))

    def ask(self, request: Request, access: str, secret: str) -> Found:
        endpoint, bucket = self.where()
        assert (endpoint, bucket) == ("http://minio.minio.svc:9000", "torghut-checkpoints")
        if (access, secret) != ROOT and self.job.users.get(access) != secret:
            raise UnavailableError("the store does not take these keys")
        if isinstance(request, FindSnapshots):
            return Found(snapshots=self._found(f"s3a://{bucket}/{request.prefix.strip('/')}/"))
        assert (access, secret) == ROOT, "an administrator's"
        return self._administered(request)

    def _found(self, prefix: str) -> tuple[FoundSnapshot, ...]:
        found = [FoundSnapshot(uri, at) for uri, at in self.job.saved.items() if f"{uri}/".startswith(prefix)]
        return tuple(sorted(found, key=lambda one: one.finished_ms, reverse=True))

    def _administered(self, request: Request) -> Found:
        users, fuse = self.job.users, self.job.cluster.fuse
        if isinstance(request, TryKeys):
            known = users.get(request.access) == request.secret
            return Found(known=known, works=known)
        fuse.spark()
        if isinstance(request, EnsureUser):
            users[request.access] = request.secret
        if isinstance(request, RemoveUser):
            users.pop(request.access, None)
        fuse.spark()
        return Found()


@dataclass(frozen=True)
class PlayedFlow(KubernetesJob):
    """The job, whose topics are the played one's word."""

    job: PlayedJob = field(default_factory=lambda: PlayedJob(PlayedCluster()))

    def flow(self, since_ns: int) -> Flow:
        return self.job.versions_out(since_ns)


def store_of(place: Place, job: PlayedJob) -> PlayedStore:
    """The store, with its administrator's keys in the environment."""
    return PlayedStore(place, {"S3_ADMIN_ACCESS_KEY": ROOT[0], "S3_ADMIN_SECRET_KEY": ROOT[1]}, job)
