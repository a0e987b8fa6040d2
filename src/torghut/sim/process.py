"""A simulator in a process of its own, for tests and benchmarks: started, awaited, controlled, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

import msgspec

from torghut.platform.waiting import wait_until
from torghut.sim import SimError
from torghut.sim.accounts import key_files
from torghut.sim.control import SimControl
from torghut.sim.settings import Endpoints

_READY_S: Final = 30.0
_STOP_S: Final = 10.0


class SimProcess:
    """`torghut sim` as a child. Use it as a context manager; the child never outlives it.

    Options are those of the command line without dashes: `SimProcess(folder, rate=500, symbols="AAPL,MSFT")`;
    a true flag is given as it is, a false one is left out.
    """

    endpoints: Endpoints
    control: SimControl

    def __init__(self, folder: Path, **options: object) -> None:
        """`folder` takes the ledger, the key files and the log; a second start there continues the first one's keys."""
        self.folder = folder
        self._options = {"ledger_dir": folder / "ledger", "accounts_dir": folder / "accounts", **options}
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it is ready.

        Raises:
            SimError: it ended instead; the message has what it said.
            TimeoutError: it is not ready in time.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        said, log = self.folder / "sim.out", self.folder / "sim.log"
        command = [sys.executable, "-m", "torghut", "sim", "--json", *_arguments(self._options)]
        with said.open("wb") as stdout, log.open("ab") as stderr:
            self._child = subprocess.Popen(command, stdout=stdout, stderr=stderr, stdin=subprocess.DEVNULL)
        try:
            line = wait_until(lambda: self._first_line(said, log), _READY_S, "the simulator to be ready", 0.05)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        self.endpoints = msgspec.json.decode(line, type=Endpoints)
        self.control = SimControl(self.endpoints.control_url)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait for its end; harmless when it is not running."""
        if hasattr(self, "control"):
            self.control.close()
        child, self._child = self._child, None
        if child is None:
            return
        child.send_signal(how)
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    @property
    def pid(self) -> int:
        """The child's process id."""
        if self._child is None:
            raise SimError("the simulator is not running: start it first")
        return self._child.pid

    def keys(self, account: int = 0) -> tuple[str, str]:
        """The key id and secret that are in the account's files now."""
        key_file, secret_file = key_files(Path(self.endpoints.accounts_dir), account)
        return key_file.read_text().strip(), secret_file.read_text().strip()

    def ledger(self) -> list[dict[str, object]]:
        """Every line of the ledger so far, over all starts in this folder."""
        segments = sorted(Path(self.endpoints.ledger_dir).glob("*.ndjson"), key=lambda path: int(path.stem))
        return [msgspec.json.decode(line) for path in segments for line in path.read_bytes().splitlines()]

    def _first_line(self, said: Path, log: Path) -> bytes | None:
        line, newline, _ = said.read_bytes().partition(b"\n")
        if newline:
            return line
        if self._child is not None and self._child.poll() is not None:
            raise SimError(f"the simulator ended with code {self._child.returncode}: {_tail(log)}")
        return None


def _arguments(options: dict[str, object]) -> list[str]:
    arguments = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(flag)
        elif value is not False and value is not None:
            arguments += [flag, os.fspath(value) if isinstance(value, Path) else str(value)]
    return arguments


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1000:].strip()
