"""An API server in memory, with who acts on its objects: sealed-secrets, Strimzi's user operator, reflector, a kubelet.

For tests of what procedures ask and change. The manifests are the real ones, built by kustomize; what is sealed is
only wrapped, and the broker is a table of passwords and permissions.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from tests.unit.ops.world import Fuse

from torghut.platform.kafka.acls import Acl
from torghut.platform.kubernetes import api as kinds
from torghut.platform.kubernetes.api import Api, Kind, Ref
from torghut.platform.kubernetes.strimzi import KafkaUser
from torghut.targets.kubernetes.reflection import REFLECTED

Thing = dict[str, Any]
_KINDS = {kind.name: kind for kind in vars(kinds).values() if isinstance(kind, Kind)}


def coded(values: Mapping[str, str]) -> dict[str, str]:
    """As a Secret holds them."""
    return {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


def merged(there: Any, change: Any) -> Any:
    """RFC 7386."""
    if not isinstance(change, dict):
        return change
    base = dict(there) if isinstance(there, dict) else {}
    for name, value in change.items():
        if value is None:
            base.pop(name, None)
        else:
            base[name] = merged(base.get(name), value)
    return base


@dataclass
class PlayedCluster:
    """The objects by path, and the broker that only the operators know."""

    things: dict[str, Thing] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    granted: dict[str, frozenset[Acl]] = field(default_factory=dict)
    limited: set[str] = field(default_factory=set)
    fuse: Fuse = field(default_factory=Fuse)
    stalled: bool = False
    """Reflector does nothing any more."""
    sick: bool = False
    """A forwarder with anything but the first credentials never becomes ready."""
    unread: bool = False
    """The log of such a forwarder cannot be read, so that a run gives up at once."""
    restarts: int = 0
    version: int = 0
    actors: list[Callable[[], None]] = field(default_factory=list)
    """Others who act on objects (`played_job`)."""
    behind: list[Callable[[httpx.Request], httpx.Response | None]] = field(default_factory=list)
    """Others who answer what is passed on to them."""
    nudges: dict[str, str] = field(default_factory=dict)

    def api(self) -> Api:
        """A way in."""
        return Api(httpx.Client(base_url="https://played", transport=httpx.MockTransport(self.answer)))

    def get(self, ref: Ref) -> Thing | None:
        return self.things.get(ref.path)

    def put(self, thing: Thing) -> None:
        """Make an object what it says."""
        kind = _KINDS[thing["kind"].lower()]
        self._store(Ref(kind, thing["metadata"].get("namespace", ""), thing["metadata"]["name"]).path, thing)

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """A Secret's values."""
        found = self.get(Ref(kinds.SECRET, namespace, name)) or {"data": {}}
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    # The API server

    def answer(self, request: httpx.Request) -> httpx.Response:
        """A request. Before and after each that changes something is a moment of the fuse."""
        if request.method == "GET":
            return self._answer(request)
        self.fuse.spark()
        answer = self._answer(request)
        self.fuse.spark()
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        for ask in (*self.behind, self._passed_on):
            if (answer := ask(request)) is not None:
                return answer
        path, content = request.url.path.removesuffix("/status"), request.content
        match request.method:
            case "PATCH" if path not in self.things and "apply" not in request.headers["Content-Type"]:
                return httpx.Response(404, json={"message": "not found"})
            case "PATCH":
                self._store(path, merged(self.things.get(path, {}), msgspec.json.decode(content)))
            case "POST":
                path = f"{path}/{msgspec.json.decode(content)['metadata']['name']}"
                if path in self.things:
                    return httpx.Response(409, json={"message": "there is one"})
                self._store(path, msgspec.json.decode(content))
            case "DELETE":
                self.things.pop(path, None)
            case _:
                labels = request.url.params.get("labelSelector")
                return self._shown(path, dict([labels.split("=")]) if labels else {})
        self.act()
        return httpx.Response(200, json=self.things.get(path, {}))

    def _passed_on(self, request: httpx.Request) -> httpx.Response | None:
        """What the forwarder says, and its log."""
        path = request.url.path
        if path.endswith("/proxy/readyz"):
            return httpx.Response(200, json=self._said())
        if path.endswith("/log"):
            refused = self.unread and self.pod["login"] != FIRST
            return httpx.Response(403 if refused else 200, json={"message": "no right to read it"})
        return None

    def _shown(self, path: str, labels: Mapping[str, str]) -> httpx.Response:
        if path in self.things:
            return httpx.Response(200, json=self.things[path])
        all_of_it = [thing for where, thing in self.things.items() if where.rpartition("/")[0] == path]
        below = [one for one in all_of_it if labels.items() <= one["metadata"].get("labels", {}).items()]
        is_collection = path.rpartition("/")[2] in {kind.plural for kind in _KINDS.values()}
        return httpx.Response(200 if is_collection else 404, json={"items": below, "message": f"no {path}"})

    def _store(self, path: str, thing: Thing) -> None:
        before = self.things.get(path, {})
        self.version += 1
        meta = dict(thing["metadata"])
        meta["resourceVersion"] = str(self.version)
        meta["generation"] = before.get("metadata", {}).get("generation", 0) + (before.get("spec") != thing.get("spec"))
        self.things[path] = {**thing, "metadata": meta}

    # Who acts on objects

    def act(self) -> None:
        """Everybody once, in the order in which they wait for each other."""
        self._open()
        self._make_users()
        if not self.stalled:
            self._reflect()
        self._run()
        for act in self.actors:
            act()

    def of(self, kind: Kind, namespace: str) -> list[Thing]:
        """A namespace's objects of a kind."""
        return [t for path, t in self.things.items() if path.rpartition("/")[0] == kind.collection(namespace)]

    def _open(self) -> None:
        for sealed in (one for space in ("kafka", "torghut") for one in self.of(kinds.SEALED_SECRET, space)):
            self.put({"kind": "Secret", "metadata": named(sealed), "data": dict(sealed["spec"]["encryptedData"])})

    def _make_users(self) -> None:
        there = {user["metadata"]["name"]: user for user in self.of(kinds.KAFKA_USER, "kafka")}
        for gone in self.users.keys() - there.keys():
            del self.users[gone], self.granted[gone]
            self.things.pop(Ref(kinds.SECRET, "kafka", gone).path, None)
        for name, user in there.items():
            self._make_user(name, user)

    def _make_user(self, name: str, thing: Thing) -> None:
        """On an event of the KafkaUser only: a Secret that it takes its password from is not watched."""
        known = msgspec.convert(thing, KafkaUser)
        event = f"{known.metadata.generation} {known.metadata.annotations}"
        password = known.spec.authentication.password
        if self.nudges.get(name) == event:
            return
        given = password.value_from.secret_key_ref if password else None
        value = self.secret("kafka", given.name).get(given.key, "") if given else "made-by-strimzi"
        if not value:
            return
        self.nudges[name] = event
        self.users[name], self.granted[name] = value, known.permissions()
        (self.limited.add if known.spec.quotas else self.limited.discard)(name)
        self.put({"kind": "Secret", "metadata": named(thing), "data": coded({"password": value})})
        status = {"observedGeneration": known.metadata.generation, "conditions": [{"type": "Ready", "status": "True"}]}
        self.things[Ref(kinds.KAFKA_USER, "kafka", name).path]["status"] = status

    def _reflect(self) -> None:
        for source in self.of(kinds.SECRET, "kafka"):
            meta = source["metadata"]
            if meta["name"] in {*self.users, "torghut-cluster-ca-cert"}:
                copy = self.get(Ref(kinds.SECRET, "torghut", meta["name"]))
                told = copy["metadata"].get("annotations", {}).get(REFLECTED) if copy else None
                if told is None or told != meta["resourceVersion"]:
                    annotations = {REFLECTED: meta["resourceVersion"]}
                    named = {"name": meta["name"], "namespace": "torghut", "annotations": annotations}
                    self.put({"kind": "Secret", "metadata": named, "data": dict(source["data"])})

    # The forwarder

    def _run(self) -> None:
        """One pod, made anew whenever its template changed, with the credentials that are mounted then."""
        deployment = self.get(Ref(kinds.DEPLOYMENT, "torghut", "forwarder"))
        if deployment is None:
            return
        template = deployment["spec"]["template"]
        pods = self.pods("forwarder")
        if not pods or pods[0]["template"] != template:
            self.restarts += 1
            self._start(template)
        deployment["status"] = {"observedGeneration": deployment["metadata"]["generation"]}

    def _start(self, template: Thing) -> None:
        spec = template["spec"]
        user = next(one["value"] for one in spec["containers"][0]["env"] if one["name"] == "KAFKA_USERNAME")
        mounted = spec["volumes"][1]["projected"]["sources"][0]["secret"]["name"]
        owner = {"kind": "ReplicaSet", "name": "forwarder-1", "controller": True}
        meta = {**template["metadata"], "name": "forwarder-1", "namespace": "torghut", "ownerReferences": [owner]}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for old in self.pods("forwarder"):
            del self.things[Ref(kinds.POD, "torghut", old["metadata"]["name"]).path]
        self.put(
            {
                "kind": "Pod",
                "metadata": meta,
                "spec": spec,
                "template": template,
                "login": {"username": user, "password": self.secret("torghut", mounted).get("password", "")},
                "status": {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "containerStatuses": [{"state": {"running": {"startedAt": now}}}],
                },
            }
        )

    @property
    def pod(self) -> Thing:
        (found,) = self.pods("forwarder")
        return found

    def pods(self, name: str) -> list[Thing]:
        """Those that are labelled with a name."""
        every = self.of(kinds.POD, "torghut")
        return [pod for pod in every if pod["metadata"].get("labels", {}).get("app.kubernetes.io/name") == name]

    def reason(self) -> str:
        """How the forwarder is."""
        login = self.pod["login"]
        if self.users.get(login["username"]) != login["password"]:
            return "kafka_auth"
        if self.sick and login != FIRST:
            return "starting"
        return "kafka_full" if login["username"] in self.limited else "ok"

    def _said(self) -> Thing:
        reason = self.reason()
        ready = {"type": "Ready", "status": "True" if reason == "ok" else "False"}
        self.pod["status"]["conditions"] = [ready]
        status = "healthy" if reason == "ok" else "error"
        return {
            "component": "forwarder", "instance": "forwarder-1", "status": status, "reason": reason, "detail": "",
            "attempt": 0, "lag_ms": 1.0, "role": "active", "ts": time.time_ns(),
        }  # fmt: skip


FIRST = {"username": "torghut-forwarder", "password": "the-first-password"}
FIRST_OF_JOB = {"username": "torghut-ta", "password": "the-jobs-first-password"}


def named(thing: Thing) -> Thing:
    return {"name": thing["metadata"]["name"], "namespace": thing["metadata"]["namespace"]}
