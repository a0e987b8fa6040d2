"""A forwarder in a process of its own, and a witness of what it says about itself while it is disturbed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from torghut.platform.ports import LOOPBACK, free_port
from torghut.platform.waiting import wait_until
from torghut.wire.status import Reason

READY_S: Final = 40.0
_SAMPLE: Final = re.compile(r"^(\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")

T = TypeVar("T")


class Ready(msgspec.Struct, frozen=True):
    """What `/readyz` answered; `http` is the status code."""

    ready: bool
    gates: dict[str, bool]
    reason: Reason
    detail: str
    role: str
    attempt: int
    status: str
    http: int = 0


class Observation(NamedTuple):
    """An answer that differs from the one before it; None is no answer at all."""

    at: float
    answer: Ready | None


class Witness:
    """Every change of `/readyz`, seen from outside at about 50 looks a second."""

    def __init__(self, forwarder: ForwarderProcess) -> None:
        self.seen: list[Observation] = []
        self._forwarder = forwarder
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def reasons(self) -> set[Reason]:
        """All reasons that were given."""
        return {seen.answer.reason for seen in self.seen if seen.answer is not None}

    @property
    def details(self) -> str:
        """All details, one a line."""
        return "\n".join(seen.answer.detail for seen in self.seen if seen.answer is not None)

    def unready_s(self) -> float:
        """Seconds in which it was not ready, or did not answer."""
        ends = [*(seen.at for seen in self.seen[1:]), time.monotonic()]
        return sum(
            end - seen.at
            for seen, end in zip(self.seen, ends, strict=True)
            if seen.answer is None or not seen.answer.ready
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join(10)

    def _watch(self) -> None:
        last: object = ()
        while not self._done.wait(0.02):
            answer = self._forwarder.readyz()
            said = answer and (answer.http, answer.reason, answer.detail, answer.role)
            if said != last:
                last = said
                self.seen.append(Observation(time.monotonic(), answer))


class ForwarderProcess:
    """`torghut forwarder` as a child. `environment` is all that it gets. It may be started again after its end."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.health_port = free_port()
        self.metrics_port = free_port()
        self.log = folder / f"{name}-{self.health_port}.log"
        self.environment = {
            **{key: os.environ[key] for key in _PASSED_ON if key in os.environ},
            **environment,
            "INSTANCE": name,
            "HEALTH_PORT": str(self.health_port),
            "METRICS_PORT": str(self.metrics_port),
        }
        self._child: subprocess.Popen[bytes] | None = None

    # Life

    def start(self, **changed: str) -> None:
        """Start it, with these variables changed from now on."""
        self.environment |= changed
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "torghut", "forwarder"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        self._child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; returns its exit code and the seconds that it took."""
        started = time.monotonic()
        self.signal(signal.SIGTERM)
        return self.wait(15), time.monotonic() - started

    def wait(self, deadline_s: float) -> int:
        """Its exit code, once it has left."""
        assert self._child is not None
        return self._child.wait(deadline_s)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        assert self._child is not None
        return self._child.poll()

    def close(self) -> None:
        """End it, however it stands."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait(10)

    # What it says

    def readyz(self) -> Ready | None:
        """The answer of now; None when there is none."""
        try:
            status, body = self._get(self.health_port, "/readyz")
            return msgspec.structs.replace(msgspec.json.decode(body, type=Ready), http=status)
        except (OSError, HTTPException):
            return None

    def livez(self) -> int:
        return self._get(self.health_port, "/livez")[0]

    def metrics(self) -> dict[str, float]:
        """Every sample by its name with labels."""
        body = self._get(self.metrics_port, "/metrics")[1].decode()
        return {name: float(value) for name, value in _SAMPLE.findall(body)}

    def logged(self) -> list[dict[str, object]]:
        """Its structured log lines. Other output, and a line that a kill cut short, are left out."""
        lines = self.log.read_bytes().splitlines() if self.log.exists() else []
        return [msgspec.json.decode(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]

    @contextmanager
    def witness(self) -> Iterator[Witness]:
        """Watch it as long as the context lasts; then check that it never called itself ready against its reason."""
        witness = Witness(self)
        witness.start()
        try:
            yield witness
        finally:
            witness.stop()
        for seen in witness.seen:
            if seen.answer is not None:
                assert (seen.answer.http == 200) == seen.answer.ready == (seen.answer.reason is Reason.OK), seen

    def wait_ready(self, deadline_s: float = READY_S) -> None:
        """Wait for 200."""

        def ready() -> bool:
            self._still_runs()
            answer = self.readyz()
            return answer is not None and answer.http == 200

        self._waited(ready, deadline_s, "ready")

    def wait_reason(self, *reasons: Reason, deadline_s: float = READY_S) -> Ready:
        """Wait until it gives one of these reasons."""

        def said() -> Ready | None:
            answer = self.readyz()
            return answer if answer is not None and answer.reason in reasons else None

        return self._waited(said, deadline_s, " or ".join(reasons))

    def _waited(self, probe: Callable[[], T | None], deadline_s: float, what: str) -> T:
        try:
            return wait_until(probe, deadline_s, f"{self.name} to be {what}", 0.03)
        except TimeoutError as error:
            tail = self.log.read_text(errors="replace")[-3000:]
            raise TimeoutError(f"{error}; it says {self.readyz()}; its log ends with\n{tail}") from error

    def _still_runs(self) -> None:
        if self.exit_code is not None:
            tail = self.log.read_text(errors="replace")[-3000:]
            raise AssertionError(f"{self.name} ended with {self.exit_code}:\n{tail}")

    @staticmethod
    def _get(port: int, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection(LOOPBACK, port, timeout=2.0)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
