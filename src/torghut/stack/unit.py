"""One supervised process: started when it should run, watched, restarted with growing delays when it dies.

A unit never blocks: `step` looks, decides and acts, and is called again a moment later. All that it needs from outside
(the clock, starting a process) comes in as parameters.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from torghut.platform.errors import PlatformError
from torghut.platform.processes import Process, find_process, kill_group, send
from torghut.platform.waiting import backoff
from torghut.stack.errors import StackError
from torghut.stack.service import Answer, Service

_BACKOFF_BASE_S: Final = 0.5
_BACKOFF_CAP_S: Final = 15.0
_STEADY_AFTER_S: Final = 30.0
_PROBE_EVERY_S: Final = {False: 0.2, True: 1.0}


class State(StrEnum):
    """Where a unit is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    BACKING_OFF = "backing_off"
    DONE = "done"


class Child(Protocol):
    """What `subprocess.Popen` offers of a child."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        ...


class Unit:
    """The process of one service. Read its attributes; change it only through `step`."""

    def __init__(
        self,
        service: Service,
        spawn: Callable[[Service], Child],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is started yet. `spawn` starts a service's process."""
        self.service = service
        self.state = State.WAITING
        self.reason = "waiting"
        self.process: Process | None = None
        self.starts = 0
        self.generation = 0
        self.ready = False
        self.was_ready = False
        self.ready_after_s: float | None = None
        self._spawn = spawn
        self._clock = clock
        self._child: Child | None = None
        self._started_at = 0.0
        self._next_probe = 0.0
        self._retry_at = 0.0
        self._kill_at = 0.0
        self._last_end: str | None = None
        self._delays = backoff(_BACKOFF_BASE_S, _BACKOFF_CAP_S)

    def step(self, wanted: Service | None, generation: int, blocked_by: str | None) -> None:
        """Bring the process one step nearer to what is wanted.

        Args:
            wanted: the service to run, None to stop it.
            generation: another one than at the last start means: restart.
            blocked_by: why it must not be started yet, None if it may.
        """
        self._look()
        if self._child is not None:
            self._tend(wanted, generation)
        elif wanted is None:
            self._retry_at = 0.0
            self._settle(State.STOPPED, "stopped")
        elif self.state is State.DONE and wanted == self.service and generation == self.generation:
            return
        elif blocked_by is not None:
            self._settle(State.WAITING, blocked_by)
        elif generation != self.generation or wanted != self.service or self._clock() >= self._retry_at:
            self._start(wanted, generation)

    def _look(self) -> None:
        """Notice that the process ended."""
        if self._child is None or (code := self._child.poll()) is None:
            return
        if self.process is not None:
            kill_group(self.process)
        steady = self._clock() - self._started_at >= _STEADY_AFTER_S
        self._child, self.process, self.ready = None, None, False
        if self.state is State.STOPPING:
            self._settle(State.STOPPED, "stopped")
        elif self.service.once and code == 0:
            self._settle(State.DONE, "ok")
            self.ready = self.was_ready = True
            self.ready_after_s = self._clock() - self._started_at
        else:
            if steady:
                self._delays = backoff(_BACKOFF_BASE_S, _BACKOFF_CAP_S)
            self._retry_at = self._clock() + next(self._delays)
            why = self.service.explain() if self.service.explain is not None and code > 0 else None
            self._last_end = describe_exit(code) + (f": {why}" if why else "")
            self._settle(State.BACKING_OFF, self._last_end)

    def _tend(self, wanted: Service | None, generation: int) -> None:
        """Probe the running process, or stop it when another one (or none) is wanted."""
        now = self._clock()
        if self.state is State.STOPPING:
            if now >= self._kill_at and self.process is not None:
                kill_group(self.process)
        elif wanted != self.service or generation != self.generation:
            self._stop()
        elif self.service.probe is not None and now >= self._next_probe:
            self._note(self.service.probe.ask())
            self._next_probe = self._clock() + _PROBE_EVERY_S[self.ready]

    def _note(self, answer: Answer) -> None:
        if answer.ready and not self.ready:
            self.ready_after_s = self._clock() - self._started_at
            self.was_ready = True
            self._settle(State.RUNNING, answer.reason)
            self._last_end = None
        before = f" (it {self._last_end})" if self._last_end else ""
        self.ready, self.reason = answer.ready, f"{answer.reason}{before}"

    def _start(self, service: Service, generation: int) -> None:
        self.service, self.generation = service, generation
        self._started_at, self._next_probe, self.ready_after_s = self._clock(), 0.0, None
        try:
            if service.prepare is not None:
                service.prepare()
            self._child = self._spawn(service)
        except (OSError, PlatformError, StackError) as error:
            self._retry_at = self._clock() + next(self._delays)
            self._settle(State.BACKING_OFF, f"could not be started: {error}")
            self.starts += 1
            return
        self.starts += 1
        self.process = find_process(self._child.pid)
        self._settle(State.STARTING, "starting")

    def _stop(self) -> None:
        self._kill_at = self._clock() + self.service.grace_s
        self._settle(State.STOPPING, "stopping")
        self.ready = False
        if self.process is not None:
            send(self.process, signal.SIGTERM)
            send(self.process, signal.SIGCONT)

    def _settle(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason

    @property
    def is_over(self) -> bool:
        """Whether no process is there."""
        return self._child is None


def describe_exit(code: int) -> str:
    """An exit code in words; negative ones are signals."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
