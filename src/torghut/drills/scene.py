"""Where a drill plays: the running stack, the hands that break it, and the public command that mends it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from torghut.drills.errors import DrillError
from torghut.ops.report import RunReport
from torghut.ops.state import Phase
from torghut.sim import ControlError
from torghut.sim.control import SimControl
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.status import forwarder_status

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMAND_DEADLINE_S = 900.0
OPEN: Final = frozenset({Phase.FORWARD, Phase.BACKWARD})


@dataclass(frozen=True)
class Spoken:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@dataclass
class Scene:
    """One drill's view of the stack. `notes` is for what `make` has to remember for `restore`."""

    home: Home
    scratch: Path
    notes: dict[str, str] = field(default_factory=dict)

    @cached_property
    def stack(self) -> RunningStack:
        """The stack."""
        return RunningStack(self.home)

    @contextmanager
    def sim(self) -> Iterator[SimControl]:
        """The simulator's control.

        Raises:
            DrillError: the feed is a real one; drills break only what is ours.
        """
        endpoint = self.stack.document().sim
        if endpoint is None:
            raise DrillError("this drill needs the simulator: start the stack with `torghut up --feed sim`")
        with SimControl(endpoint.control_url) as control:
            yield control

    def pauses(self) -> tuple[tuple[int, int], ...]:
        """From when to when (ns) the simulated market was held, by audits; none when nobody knows."""
        try:
            with self.sim() as control:
                return control.state().pauses
        except (ControlError, StackError):
            return ()

    def forwarder_reason(self) -> str:
        """Why the active forwarder is as it is, by its own word; empty when nobody answers."""
        record = forwarder_status(self.stack.document())
        return "" if record is None else str(record.get("reason", ""))

    def torghut(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Spoken:
        """The public command, as a child process on this home."""
        import os  # noqa: PLC0415 - the child's surroundings are this process's

        done = subprocess.run(
            [sys.executable, "-m", "torghut", *arguments],
            env={**os.environ, "TORGHUT_HOME": str(self.home.root), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_DEADLINE_S,
        )
        return Spoken(done.returncode, done.stdout, done.stderr)

    def runbook(self, arguments: Sequence[str]) -> tuple[Spoken, RunReport | None]:
        """`torghut runbook run ... --yes --json`, and the report that it prints."""
        spoken = self.torghut("runbook", "run", *arguments, "--yes", "--json")
        try:
            return spoken, msgspec.json.decode(spoken.stdout, type=RunReport)
        except msgspec.DecodeError:
            return spoken, None

    def abandon_all(self) -> None:
        """Close the runs that a drill left open when it was killed, as they are."""
        spoken = self.torghut("runbook", "history", "--json")
        for report in msgspec.json.decode(spoken.stdout or "[]", type=list[RunReport]):
            if report.phase in OPEN:
                self.torghut("runbook", "resume", report.id, "--abandon")

    def close(self, run: str) -> None:
        """End a run that is open, for it would block the next: take it back, and where that fails leave it as it is."""
        self.torghut("runbook", "resume", run, "--roll-back", "--yes")
        self.torghut("runbook", "resume", run, "--abandon")  # refused when it is over
