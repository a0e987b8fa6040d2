"""A running stack as seen by those who use or disturb it: tests, drills, commands.

Everything goes through `stack.json` (what is) and the desired state (what should be), except signals, which are what a
drill is about.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Final

from torghut.config import KafkaSettings, load
from torghut.platform.kafka.admin import Admin
from torghut.platform.processes import Process, is_alive, send
from torghut.platform.waiting import wait_until
from torghut.stack.desired import set_running
from torghut.stack.document import ProcessRecord, StackDocument, running_document
from torghut.stack.errors import NoStackError
from torghut.stack.home import Home
from torghut.stack.provision import admin_of
from torghut.stack.services.kafka import client_environment

DEADLINE_S: Final = 90.0


@dataclass(frozen=True)
class RunningStack:
    """The stack of `home`."""

    home: Home

    def document(self) -> StackDocument:
        """What runs now.

        Raises:
            NoStackError: nothing does.
        """
        document = running_document(self.home)
        if document is None:
            raise NoStackError(f"no stack runs in {self.home.root}: start one with `torghut up`, or set TORGHUT_HOME")
        return document

    def environment(self, role: str, topic_prefix: str | None = None) -> dict[str, str]:
        """The KAFKA_ variables and TOPIC_PREFIX with which a program connects as forwarder, ta, audit or admin."""
        document = self.document()
        prefix = document.topic_prefix if topic_prefix is None else topic_prefix
        return client_environment(document.kafka, role, prefix)

    def kafka(self, role: str, topic_prefix: str | None = None) -> KafkaSettings:
        """The same as settings."""
        return load(KafkaSettings, self.environment(role, topic_prefix))

    def admin(self) -> Admin:
        """An administrator of the broker, by the broker's own certificate."""
        return admin_of(self.home)

    def record(self, name: str) -> ProcessRecord:
        """The process called `name`.

        Raises:
            NoStackError: there is no stack, or no such process in it.
        """
        found = self.document().processes.get(name)
        if found is None:
            raise NoStackError(f"{name} is no process of this stack: wanted one of {', '.join(self.names())}")
        return found

    def names(self) -> tuple[str, ...]:
        """The names of the processes."""
        return tuple(self.document().processes)

    def process(self, name: str) -> Process:
        """The process called `name`, waiting a moment if it is just being started."""
        return wait_until(lambda: self.record(name).process, DEADLINE_S, f"a process of {name}")

    def wait_ready(self, name: str, deadline_s: float = DEADLINE_S) -> Process:
        """Wait until `name` is ready, and return its process.

        Raises:
            TimeoutError: it is not in time.
        """

        def ready() -> Process | None:
            record = self.record(name)
            return record.process if record.ready else None

        return wait_until(ready, deadline_s, f"{name} to be ready")

    def stop(self, name: str, deadline_s: float = DEADLINE_S) -> None:
        """Stop one process and keep it stopped; returns when it is gone."""
        set_running(self.home, name, False)
        wait_until(lambda: self.record(name).state == "stopped", deadline_s, f"{name} to stop")

    def start(self, name: str, deadline_s: float = DEADLINE_S) -> Process:
        """Start one process again; returns when it is ready."""
        set_running(self.home, name, True)
        return self.wait_ready(name, deadline_s)

    def kill(self, name: str, deadline_s: float = 10.0) -> Process:
        """SIGKILL; the supervisor starts it again by itself. Returns the dead process when it is gone."""
        process = self.process(name)
        send(process, signal.SIGKILL)
        wait_until(lambda: not is_alive(process), deadline_s, f"{name} to die", 0.02)
        wait_until(lambda: self.record(name).process != process, deadline_s, f"the end of {name} to be noticed", 0.02)
        return process

    def pause(self, name: str) -> Process:
        """SIGSTOP: the process is there and does nothing."""
        process = self.process(name)
        send(process, signal.SIGSTOP)
        return process

    def resume(self, process: Process) -> None:
        """SIGCONT to a paused process."""
        send(process, signal.SIGCONT)
