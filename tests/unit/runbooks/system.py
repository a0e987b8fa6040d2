"""A small system in memory that procedures run against: a feed, a broker, one forwarder, secrets, desired state.

Every change and every look is a spark of the fuse, so that a run can be killed between any two of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

from tests.unit.ops.world import Fuse
from tests.unit.runbooks.readings import WELL

from torghut.ops.errors import UnavailableError
from torghut.runbooks.kafka_ports import Cause, Found, Login
from torghut.runbooks.lag_ports import LagReading
from torghut.runbooks.ports import Change, FeedAnswer, ForwarderHealth, Instance, Ports

OLD_KEYS = {"key_id": "OLD-KEY-ID", "secret_key": "old-secret-key"}
NEW_KEYS = {"key_id": "NEW-KEY-ID", "secret_key": "new-secret-key"}
USER, PASSWORD = "torghut-forwarder", "old-password"


@dataclass
class System:
    """What there is. The forwarder is ready when the feed takes the keys and the broker the login it started with."""

    fuse: Fuse = field(default_factory=Fuse)
    valid_keys: list[dict[str, str]] = field(default_factory=lambda: [OLD_KEYS, NEW_KEYS])
    users: dict[str, str] = field(default_factory=lambda: {USER: PASSWORD})
    permitted: set[str] = field(default_factory=lambda: {USER})
    secret: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "alpaca": dict(OLD_KEYS),
            "kafka.forwarder": {"username": USER, "password": PASSWORD},
        }
    )
    committed: dict[str, str] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    of_others: tuple[Cause, ...] = ()
    strays: list[str] = field(default_factory=list)
    count: int = 1
    limited: bool = False
    token: str = ""
    authorities: list[str] = field(default_factory=lambda: ["0"])
    serving: str = "0"
    trusted: tuple[str, ...] = ("0",)
    trusts: tuple[str, ...] = ("0",)
    """What the forwarder trusts: the truststore when it started."""
    restarts: list[str] = field(default_factory=list)
    started_with: dict[str, dict[str, str]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    sick: bool = False
    """The forwarder never becomes ready with anything but the old secrets."""

    def __post_init__(self) -> None:
        self.started_with = {name: dict(values) for name, values in self.secret.items()}

    @property
    def ready(self) -> bool:
        keys, login = self.started_with["alpaca"], self.started_with["kafka.forwarder"]
        old = keys == OLD_KEYS and login["password"] == PASSWORD
        accepted = keys in self.valid_keys and self.users.get(login["username"]) == login["password"]
        if self.serving not in self.trusts or (self.sick and self.trusts == ("1",)):
            return False
        return accepted and (old or not self.sick) and not self.found and not self.limited

    def changed(self, what: str) -> None:
        self.fuse.spark()
        self.changes.append(what)

    def ports(self) -> Ports:
        desired, kafka = _Desired(self), _Kafka(self)
        mine: dict[str, Any] = {
            "desired": desired,
            "secrets": _Secrets(self),
            "workloads": _Workloads(self),
            "feed": _Feed(self),
            "status": _Status(self),
            "kafka": kafka,
            "kafka_users": _Users(self),
            "kafka_repair": kafka,
            "kafka_authority": _Authority(self),
            "lag": _Lag(self),
        }
        others = {part.name: None for part in fields(Ports) if part.name not in mine}
        return Ports(**mine, **cast("Any", others))


@dataclass
class _Desired:
    system: System

    def committed(self) -> Mapping[str, str]:
        return self.system.committed

    def live(self) -> Mapping[str, str]:
        return {**self.system.committed, "workload.forwarder.count": str(self.system.count)}

    def apply(self, values: Mapping[str, str], change: Change) -> None:
        self.system.changed(change.message)
        self.system.count = int(values.get("workload.forwarder.count", self.system.count))
        self.system.fuse.spark()
        self.system.committed |= values

    def drift(self) -> tuple[str, ...]:
        return ()


@dataclass
class _Secrets:
    system: System

    def digest_of(self, values: Mapping[str, str]) -> str:
        return f"digest:{abs(hash(tuple(sorted(values.items())))):x}"

    def desired(self, name: str) -> str:
        return self.system.committed.get(f"secret.{name}", "")

    def live(self, name: str) -> str:
        self.system.fuse.spark()
        return self.digest_of(self.system.secret[name])

    def source(self, name: str) -> str:
        return self.live(name)

    def read(self, name: str) -> Mapping[str, str]:
        return self.system.secret[name]

    def put(self, name: str, values: Mapping[str, str], change: Change) -> None:
        self.system.changed(change.message)
        self.system.secret[name] = dict(values)
        self.system.fuse.spark()
        self.system.committed[f"secret.{name}"] = self.digest_of(values)
        self.system.fuse.spark()

    def restore(self, name: str, change: Change) -> None:
        self.put(name, self.system.secret[name], change)


@dataclass
class _Workloads:
    system: System

    def instances(self, workload: str) -> tuple[Instance, ...]:
        self.system.fuse.spark()
        if workload != "forwarder":
            return ()
        reason = "alpaca_connection_limit" if self.system.limited else "ok" if self.system.ready else "alpaca_auth"
        names = ("forwarder", *(f"forwarder-{n}" for n in range(2, self.system.count + 1)))
        return tuple(
            Instance(name, self.system.ready, reason, self.system.token, len(self.system.restarts)) for name in names
        )

    def restart(self, workload: str, change: Change) -> None:
        assert workload == "forwarder"
        if self.system.token == change.token:
            return
        self.system.changed(change.message)
        self.system.token = change.token
        self.system.restarts.append(change.token)
        self.system.started_with = {name: dict(values) for name, values in self.system.secret.items()}
        self.system.trusts = self.system.trusted
        self.system.limited = self.system.limited and bool(self.system.strays)
        self.system.fuse.spark()

    def complaints(self, workload: str, words: tuple[str, ...], since_ns: int) -> tuple[str, ...]:
        assert workload == "forwarder"
        assert words
        return () if self.system.ready or since_ns < 0 else (f"{words[0]}: refused",)

    def strays(self, workload: str) -> tuple[str, ...]:
        assert workload == "forwarder"
        return tuple(self.system.strays)

    def end_strays(self, workload: str, change: Change) -> None:
        assert workload == "forwarder"
        self.system.changed(change.message)
        self.system.strays.clear()
        self.system.fuse.spark()


@dataclass
class _Feed:
    system: System

    def history(self, keys: Mapping[str, str]) -> FeedAnswer:
        self.system.fuse.spark()
        return FeedAnswer(keys in self.system.valid_keys, "history")

    def login(self, keys: Mapping[str, str]) -> FeedAnswer:
        return FeedAnswer(keys in self.system.valid_keys, "test stream")


@dataclass
class _Status:
    system: System

    def forwarders(self) -> tuple[ForwarderHealth, ...]:
        status = "healthy" if self.system.ready else "error"
        return (ForwarderHealth("forwarder", status, "ok", "", "active", len(self.system.restarts)),)


@dataclass
class _Users:
    system: System

    def name(self, role: str) -> str:
        return self.system.secret[f"kafka.{role}"]["username"]

    def exists(self, user: str) -> bool:
        self.system.fuse.spark()
        return user in self.system.users

    def put(self, user: str, password: str, role: str, change: Change) -> None:
        assert role == "forwarder"
        self.system.changed(change.message)
        self.system.users[user] = password
        self.system.fuse.spark()
        self.system.permitted.add(user)
        self.system.fuse.spark()

    def permitted(self, user: str, role: str) -> tuple[str, ...]:
        return () if user in self.system.permitted else (f"write as {role}",)

    def remove(self, user: str, change: Change) -> None:
        self.system.changed(change.message)
        self.system.users.pop(user, None)
        self.system.fuse.spark()
        self.system.permitted.discard(user)

    def login(self, values: Mapping[str, str]) -> Login:
        accepted = self.system.users.get(values["username"]) == values["password"]
        return Login(accepted, f"{values['username']} {'logged in' if accepted else 'was refused'}")


@dataclass
class _Authority:
    system: System

    def serving(self) -> str:
        self.system.fuse.spark()
        return self.system.serving

    def trusted(self) -> tuple[str, ...]:
        return self.system.trusted

    def exists(self, generation: str) -> bool:
        return generation in self.system.authorities

    def following(self, generation: str) -> str:
        return str(int(generation) + 1)

    def make(self, generation: str, change: Change) -> None:
        self.system.changed(change.message)
        self.system.authorities.append(generation)
        self.system.fuse.spark()

    def remove(self, generation: str, change: Change) -> None:
        self.system.changed(change.message)
        self.system.authorities.remove(generation)
        self.system.fuse.spark()

    def trust(self, generations: tuple[str, ...], change: Change) -> None:
        self.system.changed(change.message)
        self.system.trusted = generations
        self.system.fuse.spark()

    def serve(self, generation: str, change: Change) -> None:
        assert self.system.ready, "a client that is connected must trust what is shown next"
        self.system.changed(change.message)
        self.system.serving = generation
        self.system.fuse.spark()
        assert self.system.ready


@dataclass
class _Lag:
    system: System

    def read(self) -> LagReading:
        self.system.fuse.spark()
        return WELL


@dataclass
class _Kafka:
    """Probe and repair: what is `found` is mended by any repair, and remembered by its name."""

    system: System

    def _of(self, *causes: Cause) -> tuple[Found, ...]:
        self.system.fuse.spark()
        if any(found.cause is Cause.CONNECT for found in self.system.found) and Cause.CONNECT not in causes:
            raise UnavailableError("no broker")
        return tuple(found for found in self.system.found if found.cause in causes)

    def way(self) -> tuple[Found, ...]:
        return self._of(Cause.NAME, Cause.CONNECT)

    def certificate(self) -> tuple[Found, ...]:
        return self._of(Cause.TLS_EXPIRED, Cause.TLS_UNKNOWN_CA, Cause.TLS_WRONG_HOST, Cause.TLS)

    def login(self, role: str) -> tuple[Found, ...]:
        assert role == "forwarder"
        return self._of(Cause.COPY, Cause.PASSWORD, Cause.USER)

    def permissions(self, role: str) -> tuple[Found, ...]:
        assert role == "forwarder"
        return self._of(Cause.ACL)

    def topics(self) -> tuple[Found, ...]:
        return self._of(Cause.TOPIC_MISSING, Cause.TOPIC_REPLICAS, Cause.TOPIC_SIZE)

    def space(self) -> tuple[Found, ...]:
        return self._of(Cause.DISK, Cause.QUOTA)

    def written(self, role: str, since_ns: int) -> int:
        assert role == "forwarder"
        return 7 if self.system.ready and since_ns >= 0 else 0

    def of_others(self, cause: Cause) -> str:
        return "ask Strimzi" if cause in self.system.of_others else ""

    def __getattr__(self, name: str) -> Any:
        def mend(*_: object) -> None:
            self.system.changed(name)
            self.system.found.clear()
            self.system.fuse.spark()

        return mend
