"""The process that owns all others of a stack: `python -m torghut.stack.supervisor HOME JAVA JARS [PARENT]`.

It follows the desired state, starts services in the order of their readiness, restarts what dies, and writes down what
is in `stack.json`. It has one thread, keeps a file lock as long as it lives, and its children die with it. With PARENT,
a pid, it ends when that process does.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Final

from torghut.platform.files import write_atomically
from torghut.platform.locks import try_lock
from torghut.platform.processes import Process, die_with, end, find_process, send, spawn
from torghut.platform.waiting import wait_until
from torghut.stack.context import Context, child_environment
from torghut.stack.desired import Desired, read_desired
from torghut.stack.document import ProcessRecord, StackDocument, read_document, write_document
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.logs import bound
from torghut.stack.plan import endpoints, plan
from torghut.stack.ports import PortBook
from torghut.stack.service import Service
from torghut.stack.services import kafka
from torghut.stack.unit import Unit

_TICK_S: Final = 0.1
_LEFTOVER_GRACE_S: Final = 20.0
_LOG_CHECK_S: Final = 5.0
log = logging.getLogger("torghut.supervisor")


class Supervisor:
    """Units of all services, brought to the desired state step by step."""

    def __init__(self, context: Context) -> None:
        """Start nothing yet."""
        self._context = context
        self._home = context.home
        self._desired = Desired()
        self._units: dict[str, Unit] = {}
        self._services: dict[str, Service] = {}
        self._since: dict[str, tuple[object, int]] = {}
        self._problem: str | None = None
        self._written: StackDocument | None = None
        self._next_log_check = 0.0
        self.stopping = False

    def tick(self) -> None:
        """Look at everything once and act."""
        self._take_up_desired()
        self._step_units()
        self._publish()
        if time.monotonic() >= self._next_log_check:
            self._next_log_check = time.monotonic() + _LOG_CHECK_S
            for file in self._home.logs.glob("*.log"):
                bound(file)

    @property
    def is_over(self) -> bool:
        """Whether no child is left."""
        return all(unit.is_over for unit in self._units.values())

    def _take_up_desired(self) -> None:
        try:
            desired = read_desired(self._home)
            self._context = replace(self._context, settings=desired.settings)
            self._services = plan(self._context, desired)
            self._problem = None
        except StackError as error:
            self._problem = str(error)
            return
        if desired.settings.symbols != self._desired.settings.symbols or self._written is None:
            self._write_symbols(desired)
        self._desired = desired

    def _write_symbols(self, desired: Desired) -> None:
        """The forwarders read the file at start and on SIGHUP."""
        write_atomically(self._home.symbols, ("\n".join(desired.settings.symbols) + "\n").encode())
        for name, unit in self._units.items():
            if name.startswith("forwarder") and unit.process is not None:
                send(unit.process, signal.SIGHUP)

    def _step_units(self) -> None:
        for name in (*self._services, *(name for name in self._units if name not in self._services)):
            service = self._services.get(name)
            unit = self._units.get(name)
            if unit is None:
                if service is None:
                    continue
                unit = self._units[name] = Unit(service, self._spawn)
            before = (unit.state, unit.reason)
            unit.step(self._wanted(service), self._desired.process(name).generation, self._blocked(service))
            if (unit.state, unit.reason) != before:
                log.info("%s: %s (%s)", name, unit.state, unit.reason)
        for name in [n for n, unit in self._units.items() if n not in self._services and unit.is_over]:
            del self._units[name]

    def _wanted(self, service: Service | None) -> Service | None:
        if service is None or not self._desired.process(service.name).run:
            return None
        return self._last_wish(self._units[service.name]) if self.stopping else service

    def _last_wish(self, unit: Unit) -> Service | None:
        """While everything stops: what others still need goes last, a forwarder flushes into Kafka as it leaves."""
        users = (other for other in self._units.values() if unit.service.name in other.service.depends_on)
        needed = not unit.is_over and any(not user.is_over for user in users)
        return unit.service if needed else None

    def _blocked(self, service: Service | None) -> str | None:
        if service is None:
            return None
        for name in service.depends_on:
            unit = self._units.get(name)
            if name in self._services and (unit is None or not unit.was_ready):
                return f"waiting for {name}"
        return None

    def _spawn(self, service: Service) -> subprocess.Popen[bytes]:
        if self._context.ports.renew_taken(service.ports):
            raise ChildProcessError("a port was taken, another is chosen")
        return spawn(
            service.command, child_environment(service.environment), self._home.log(service.name), self._home.root
        )

    def _publish(self) -> None:
        where = endpoints(self._context, self._services)
        document = StackDocument(
            supervisor=_myself(),
            revision=self._desired.revision,
            feed=self._desired.settings.feed,
            topic_prefix=self._desired.settings.topic_prefix,
            kafka=where.kafka,
            sim=where.sim,
            forwarder=where.forwarders.get("forwarder"),
            forwarders=where.forwarders,
            s3=where.s3,
            flink=where.flink,
            console=where.console,
            prometheus=where.prometheus,
            ports=self._context.ports.all(),
            processes={name: self._record(name, unit) for name, unit in self._units.items()},
            problem=self._problem,
        )
        if document != self._written:
            write_document(self._home, document)
            self._written = document

    def _record(self, name: str, unit: Unit) -> ProcessRecord:
        seen, since = self._since.get(name, (None, 0))
        if seen != unit.state:
            since = time.time_ns()
            self._since[name] = (unit.state, since)
        return ProcessRecord(
            pid=unit.process.pid if unit.process else None,
            log=str(self._home.log(name)),
            started=unit.process.started if unit.process else None,
            state=unit.state.value,
            ready=unit.ready,
            reason=unit.reason,
            since_ns=since,
            ready_after_s=None if unit.ready_after_s is None else round(unit.ready_after_s, 2),
            starts=unit.starts,
            wanted=name in self._services and self._desired.process(name).run and not self.stopping,
        )


def _myself() -> Process:
    me = find_process(os.getpid())
    if me is None:
        raise ProcessLookupError("this process is not in /proc: the supervisor needs Linux with /proc mounted")
    return me


def end_leftovers(home: Home) -> tuple[str, ...]:
    """End what a killed supervisor left behind; strangers that got the same pid are not touched.

    Returns:
        The names of the processes that were still there.
    """
    document = read_document(home)
    if document is None:
        return ()
    found = {name: record.process for name, record in document.processes.items()}
    alive = {name: process for name, process in found.items() if process and find_process(process.pid) == process}
    end(alive.values(), _LEFTOVER_GRACE_S)
    return tuple(alive)


def _kept_ports(home: Home) -> dict[str, int]:
    document = read_document(home)
    return document.ports if document else {}


def run(home: Home, java: Path, jars: Path) -> int:
    """Supervise until SIGTERM or SIGINT. 2 when another supervisor has this home."""
    try:
        # Not at once: whoever asks whether a supervisor lives holds the lock for an instant.
        lock = wait_until(lambda: try_lock(home.supervisor_lock), 2.0, "the supervisor's lock", 0.02)
    except TimeoutError:
        log.error("another supervisor has %s", home.root)  # noqa: TRY400 - the traceback would tell nothing
        return 2
    kept = _kept_ports(home)
    for name in end_leftovers(home):
        log.info("%s: ended what an earlier stack left", name)
    kafka.name_users(home)
    desired = read_desired(home)
    ports = PortBook(kept, desired.settings.ports)
    supervisor = Supervisor(Context(home, desired.settings, ports, java, jars))

    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not (supervisor.stopping and supervisor.is_over):
        supervisor.tick()
        signal.sigtimedwait([], _TICK_S)
    home.document.unlink(missing_ok=True)
    os.close(lock)
    log.info("everything is stopped")
    return 0


def main(arguments: list[str]) -> int:
    """Supervise the home named by the arguments."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    root, java, jars = (Path(argument) for argument in arguments[:3])
    try:
        if len(arguments) > 3:
            die_with(int(arguments[3]))
        return run(Home(root), java, jars)
    except Exception:
        log.exception("the supervisor failed")
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
