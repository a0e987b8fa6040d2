"""Drills of alpaca-406: who else may hold the account's one connection, and how the forwarder gets it back."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from torghut.drills.scene import Scene
from torghut.ops.report import RunReport
from torghut.ops.state import Phase
from torghut.platform.kafka.acls import acls_of
from torghut.platform.ports import free_port
from torghut.stack.context import child_environment
from torghut.stack.desired import scale
from torghut.stack.services import sim
from torghut.wire.status import Reason
from torghut.wire.topics import TOPICS, Role, full_name

_STRAY: Final = "stray."
_LINGER_S: Final = 20.0
_RELEASE_S: Final = 25


class Intruder:
    """Somebody who holds a connection of the account: `start` returns when it is subscribed."""

    def start(self, scene: Scene) -> None:
        """Take a connection."""

    def stop(self, scene: Scene) -> None:
        """Let it go; nothing when it is gone."""


@dataclass
class StrayProcess(Intruder):
    """A second forwarder on this machine, with a lease and topics of its own."""

    process: subprocess.Popen[bytes] | None = None

    def start(self, scene: Scene) -> None:
        """The real program, as somebody might have started it by hand."""
        account, document = sim.account(scene.home, 0), scene.stack.document()
        endpoint = document.sim
        if endpoint is None:
            return
        admin = scene.stack.admin()
        admin.create_topics(TOPICS, _STRAY)
        admin.allow(acls_of(Role.FORWARDER, document.kafka.users["forwarder"].username, _STRAY))
        environment = {
            **scene.stack.environment("forwarder", _STRAY),
            "ALPACA_KEY_ID_FILE": account.key_id_file,
            "ALPACA_SECRET_KEY_FILE": account.secret_key_file,
            "ALPACA_STREAM_URL": endpoint.stream_url,
            "ALPACA_DATA_URL": endpoint.data_url,
            "ALPACA_FEED": "sip",
            "MARKET_CALENDAR": "always",
            "SYMBOLS": "AAPL",
            "REPAIR_MAX_S": "0",
            "HEALTH_PORT": str(free_port()),
            "METRICS_PORT": str(free_port()),
            "LEASE_FILE": str(scene.scratch / "stray.lease"),
            "INSTANCE": "stray",
        }
        with (scene.scratch / "stray.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "torghut", "forwarder"],
                env=child_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self, scene: Scene) -> None:
        """End it and what it wrote."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
            self.process = None
        user = scene.stack.document().kafka.users["forwarder"].username
        admin = scene.stack.admin()
        admin.delete_topics([full_name(topic, _STRAY) for topic in TOPICS])
        admin.forbid(acls_of(Role.FORWARDER, user, _STRAY))


@dataclass
class ClientElsewhere(Intruder):
    """A client that no procedure of this system can see: here a thread with a socket, in life another machine."""

    ended: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self, scene: Scene) -> None:
        """Log in, subscribe, and listen."""
        endpoint = scene.stack.document().sim
        if endpoint is not None:
            account = endpoint.accounts[0]
            files = Path(account.key_id_file), Path(account.secret_key_file)
            self.ended.clear()
            arguments = (f"{endpoint.stream_url}/v2/sip", *files)
            self.thread = threading.Thread(target=self._listen, args=arguments, daemon=True)
            self.thread.start()

    def _listen(self, url: str, key_id: Path, secret: Path) -> None:
        login = {"action": "auth", "key": key_id.read_text().strip(), "secret": secret.read_text().strip()}
        with contextlib.suppress(OSError, WebSocketException), connect(url, proxy=None) as socket:
            socket.send(msgspec.json.encode(login).decode())
            socket.send('{"action":"subscribe","trades":["AAPL"]}')
            while not self.ended.is_set():
                with contextlib.suppress(TimeoutError):
                    socket.recv(0.5)

    def stop(self, scene: Scene) -> None:  # noqa: ARG002 - the protocol's
        """Leave."""
        self.ended.set()
        if self.thread is not None:
            self.thread.join(10)


@dataclass
class Lingering(Intruder):
    """Nobody: the server counts the forwarder's own ended connection for a while."""


@dataclass(frozen=True)
class ConnectionLimit:
    """The account's connection is taken; the forwarder is refused with 406."""

    cause: str
    intruder: Intruder
    linger_s: float = 0.0
    ends_with: int = 0
    replicas: int = 1
    name: str = "alpaca-406"
    stand_ins: tuple[str, ...] = ("Alpaca is the simulator",)

    def make(self, scene: Scene) -> None:
        """Let the intruder in beside the forwarder, then end the forwarder's connection."""
        with scene.sim() as control:
            ours = {connection.conn for connection in control.state().connections}
            if self.replicas > 1:
                scale(scene.home, "forwarder", self.replicas)
            control.connection_limit(2)
            if not isinstance(self.intruder, Lingering):
                self.intruder.start(scene)
                control.wait_subscribed(60, connections=len(ours) + 1)
            control.connection_limit(1, linger_s=self.linger_s)
            for conn in ours:
                control.drop(conn=conn)

    def detected(self, scene: Scene) -> str | None:
        """The forwarder says so, and the doctor names the procedure."""
        if scene.forwarder_reason() != Reason.ALPACA_CONNECTION_LIMIT:
            return None
        said = scene.torghut("doctor").stdout.strip().splitlines()[-1:]
        return f"the forwarder's status: 406; doctor: {said[0]}" if said and self.name in said[0] else None

    def command(self, scene: Scene) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """With a short wait where the feed will not give in."""
        return (self.name, "--set", f"release_s={_RELEASE_S}") if self.ends_with else (self.name,)

    def judge(self, scene: Scene, code: int) -> str | None:
        """A client elsewhere must be named and not fought; otherwise it ends well."""
        if self.ends_with:
            self.intruder.stop(scene)  # somebody changed the keys there, or switched it off
            history = msgspec.json.decode(scene.torghut("runbook", "history", "--json").stdout, type=list[RunReport])
            for run in (run.id for run in history if run.phase == Phase.FORWARD):
                scene.torghut("runbook", "resume", run, "--yes")
        return None if code == self.ends_with else f"the procedure ended with {code}, wanted {self.ends_with}"

    def restore(self, scene: Scene) -> None:
        """One connection, no linger, no intruder, one instance."""
        self.intruder.stop(scene)
        scale(scene.home, "forwarder", 1)
        with scene.sim() as control:
            control.clear("connection_limit")


LIMITS: Final = (
    ConnectionLimit("stray-process", StrayProcess()),
    ConnectionLimit("extra-instances", StrayProcess(), replicas=2),
    ConnectionLimit("lingering", Lingering(), linger_s=_LINGER_S),
    ConnectionLimit("client-elsewhere", ClientElsewhere(), ends_with=1),
)
