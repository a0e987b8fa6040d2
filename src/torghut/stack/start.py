"""Bringing the stack up and taking it down. Both can be repeated, and both stand what a crash left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from torghut.platform.artifacts import JarSet, cache_directory, fetch_jars
from torghut.platform.chart import fetch_chart
from torghut.platform.errors import PlatformError
from torghut.platform.files import PRIVATE, make_private_directory, write_atomically
from torghut.platform.java import find_java
from torghut.platform.locks import is_locked, locked
from torghut.platform.processes import end, is_alive
from torghut.platform.prometheus import ensure_prometheus
from torghut.platform.waiting import wait_until
from torghut.stack.components import ensure
from torghut.stack.desired import Desired, Settings, TaSubmission, change_desired
from torghut.stack.document import ProcessRecord, StackDocument, read_document, running_document
from torghut.stack.errors import StackError, StartError
from torghut.stack.feeds import check_feed, default_symbols
from torghut.stack.home import Home
from torghut.stack.logs import tail
from torghut.stack.ports import PortBook
from torghut.stack.supervisor import end_leftovers

READY_DEADLINE_S: Final = 180.0
_COMMAND_DEADLINE_S: Final = 240.0
_DOWN_DEADLINE_S: Final = 60.0
_LEAVE_S: Final = 10.0
"""From the moment at which the supervisor lets go of its lock."""
_GIVE_UP_AFTER_STARTS: Final = 3
Report = Callable[[str], None]
"""Takes one line about what happens."""


class Wish(msgspec.Struct, frozen=True):
    """What the user asked for; None is "as it is", and in a new home the default.

    `anew` forgets what the home was told before, whether it runs or was stopped.
    """

    feed: str | None = None
    symbols: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    speed: str | None = None
    keep_times: bool | None = None
    topic_prefix: str | None = None
    rate: float | None = None
    seed: int | None = None
    loop: bool | None = None
    only: tuple[str, ...] | None = None
    ports: dict[str, int] | None = None
    ta: TaSubmission | None = None
    with_metrics: bool | None = None
    anew: bool = False


def apply_wish(settings: Settings, wish: Wish, home: Home, environment: Mapping[str, str]) -> Settings:
    """The settings with what was asked for.

    Raises:
        StackError: no such feed, no such recording, or no keys for a real feed.
    """
    wanted = {name: getattr(wish, name) for name in wish.__struct_fields__ if name != "anew"}
    asked = {name: value for name, value in wanted.items() if value is not None}
    if "feed" in asked:
        asked["feed"] = check_feed(asked["feed"])
    merged = msgspec.structs.replace(settings, **asked)
    if not merged.symbols or ("feed" in asked and "symbols" not in asked and merged.feed != settings.feed):
        merged = msgspec.structs.replace(merged, symbols=default_symbols(merged.feed))
    if not merged.is_simulated and "forwarder" in (merged.only or ("forwarder",)):
        key_id = _key_file("ALPACA_KEY_ID", settings.key_id_file, home, environment)
        secret_key = _key_file("ALPACA_SECRET_KEY", settings.secret_key_file, home, environment)
        merged = msgspec.structs.replace(merged, key_id_file=key_id, secret_key_file=secret_key)
    return merged


def _key_file(name: str, before: str | None, home: Home, environment: Mapping[str, str]) -> str:
    """The file with a key of the real Alpaca: the user's own, one with the environment's value, or that of before."""
    if file := environment.get(f"{name}_FILE"):
        return str(Path(file).absolute())
    value = environment.get(name)
    if not value and before is not None and Path(before).is_file():
        return before
    if not value:
        raise StackError(f"{name} is not set: a real feed needs it; set {name} or {name}_FILE, or use --feed sim")
    path = make_private_directory(home.secrets / "alpaca") / name.lower()
    write_atomically(path, value.encode() + b"\n", PRIVATE)
    return str(path)


def up(
    home: Home,
    wish: Wish,
    report: Report,
    environment: Mapping[str, str] = os.environ,
    *,
    leash: bool = False,
    deadline_s: float | None = None,
) -> StackDocument:
    """Start the stack, or change the running one, and wait until all of it is ready.

    A stopped home goes on with what it was told before it was stopped, except for what is asked for now.

    With `leash`, a stack that this call starts ends when the calling process does, however it ends. `deadline_s` is
    READY_DEADLINE_S where it is not given, and twice as long with a job: Flink takes its time.

    Raises:
        StackError: what is asked for cannot be; nothing was started.
        PlatformError: a tool, a component or disk space is missing; nothing was started.
        StartError: a process did not come up; if this call started the stack, it was stopped again.
    """
    home.prepare()
    java = find_java(environment)
    jars = fetch_jars(JarSet.pinned("kafka"), cache_directory(environment), lambda line: report(f"kafka: {line}"))
    _fetch_page(cache_directory(environment), report)
    if wish.with_metrics:
        ensure_prometheus(cache_directory(environment), report)
    with locked(home.command_lock, _COMMAND_DEADLINE_S, "another `torghut up` or `down` to finish"):
        fresh = not is_locked(home.supervisor_lock)
        if fresh:
            end_leftovers(home)
            PortBook({}, wish.ports or {}).renew_taken(wish.ports or {})
        desired = _change(home, wish, environment)
        if desired.settings.ta is not None:
            ensure(cache_directory(environment), report)
        if fresh:
            _start_supervisor(home, java, jars, leash=leash)
    try:
        usual_s = READY_DEADLINE_S * (1 if desired.settings.ta is None else 2)
        return follow(home, desired.revision, report, deadline_s or usual_s)
    except StartError:
        if fresh:
            down(home, report)
        raise


def _fetch_page(cache: Path, report: Report) -> None:
    """A stack without npm or network is worth more than none: then only the chart is missing, and the page says so."""
    try:
        fetch_chart(cache, report)
    except PlatformError as error:
        report(f"console: no chart until this is mended: {error}")


def _change(home: Home, wish: Wish, environment: Mapping[str, str]) -> Desired:
    """Put the wish into the desired state. What was wanted before, and is not spoken of, stays wanted.

    Also by a stopped home: after a restart of the machine `torghut up` brings back what ran, the job's tag included.
    """

    def change(desired: Desired) -> Desired:
        before = Desired(revision=desired.revision) if wish.anew else desired
        return msgspec.structs.replace(before, settings=apply_wish(before.settings, wish, home, environment))

    return change_desired(home, change)


def _start_supervisor(home: Home, java: Path, jars: Path, *, leash: bool) -> None:
    """Start it in a session of its own, so that neither Ctrl-C nor the end of the terminal reaches it."""
    leashed = [str(os.getpid())] if leash else []
    with home.log("supervisor").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "torghut.stack.supervisor", str(home.root), str(java), str(jars), *leashed],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=home.root,
        )

    def there() -> bool:
        if process.poll() is not None:
            raise StartError(_with_tail("the supervisor ended at its start", home.log("supervisor")))
        document = running_document(home)
        return document is not None and document.supervisor.pid == process.pid

    wait_until(there, 60, f"the supervisor to start (log: {home.log('supervisor')})", 0.05)
    # Its end is noticed by the lock, not by us; nothing to warn about when this object goes.
    process.returncode = 0


def follow(home: Home, revision: int, report: Report, deadline_s: float = READY_DEADLINE_S) -> StackDocument:
    """Report what becomes ready until everything is, in a stack that took up `revision` of the desired state.

    Raises:
        StartError: a process keeps dying, the supervisor ended, or the time is up.
    """
    said: dict[str, str] = {}

    def look() -> StackDocument | None:
        document = running_document(home)
        if document is None:
            if is_locked(home.supervisor_lock):
                return None
            raise StartError(_with_tail("the supervisor ended", home.log("supervisor")))
        if document.problem:
            raise StartError(document.problem)
        if document.revision < revision:
            return None
        for name, record in document.processes.items():
            _tell(name, record, said, report)
            _check(name, record)
        return document if document.ready else None

    try:
        return wait_until(look, deadline_s, "the stack to be ready", 0.1)
    except TimeoutError as error:
        raise StartError(_explain_unready(home, deadline_s)) from error


def _tell(name: str, record: ProcessRecord, said: dict[str, str], report: Report) -> None:
    line = f"{name}: {record.reason if record.state == 'waiting' else record.state.replace('_', ' ')}"
    if record.ready:
        line = f"{name}: {'done' if record.state == 'done' else 'ready'} after {record.ready_after_s or 0:.1f} s"
    elif record.state == "backing_off":
        line = f"{name}: {record.reason}, trying again"
    if said.get(name) != line:
        said[name] = line
        if record.state != "waiting":
            report(line)


def _check(name: str, record: ProcessRecord) -> None:
    if record.state == "backing_off" and record.ready_after_s is None and record.starts >= _GIVE_UP_AFTER_STARTS:
        raise StartError(_with_tail(f"{name} did not come up: {record.reason}", Path(record.log)))


def _explain_unready(home: Home, deadline_s: float) -> str:
    document = read_document(home)
    waiting = {n: r for n, r in document.processes.items() if r.wanted and not r.ready} if document else {}
    if not waiting:
        return f"the stack was not ready within {deadline_s:g} s; see {home.log('supervisor')}"
    name, record = next(iter(waiting.items()))
    return _with_tail(f"{name} was not ready within {deadline_s:g} s ({record.reason})", Path(record.log))


def _with_tail(sentence: str, log: Path) -> str:
    lines = "".join(f"\n  {line}" for line in tail(log))
    return f"{sentence}; its log {log} ends with:{lines}" if lines else f"{sentence}; its log {log} is empty"


def down(home: Home, report: Report) -> bool:
    """Stop everything; False when there was nothing to stop.

    Raises:
        TimeoutError: something survives even being killed.
    """
    if not home.root.is_dir():
        return False
    with locked(home.command_lock, _COMMAND_DEADLINE_S, "another `torghut up` or `down` to finish"):
        stopped = _end_supervisor(home, report)
        leftovers = end_leftovers(home)
        for name in leftovers:
            report(f"{name}: ended what was left")
        home.document.unlink(missing_ok=True)
    return stopped or bool(leftovers)


def _end_supervisor(home: Home, report: Report) -> bool:
    if not is_locked(home.supervisor_lock):
        return False
    document = wait_until(lambda: read_document(home), 30, f"{home.document} to be written")
    os.kill(document.supervisor.pid, signal.SIGTERM)
    try:
        _watch_stop(home, report)
        wait_until(lambda: not is_alive(document.supervisor), _LEAVE_S, "the supervisor's process to be gone", 0.02)
    except TimeoutError:
        report("the supervisor does not end, killing it")
        end([document.supervisor], 0)
    return True


def _watch_stop(home: Home, report: Report) -> None:
    running = {name for name, record in _processes(home).items() if record.pid is not None}

    def stopped() -> bool:
        over = not is_locked(home.supervisor_lock)
        records = {} if over else _processes(home)
        for name in [n for n in running if over or (n in records and records[n].state == "stopped")]:
            running.discard(name)
            report(f"{name}: stopped")
        return over

    wait_until(stopped, _DOWN_DEADLINE_S, "the supervisor to end", 0.05)


def _processes(home: Home) -> dict[str, ProcessRecord]:
    document = read_document(home)
    return document.processes if document else {}
