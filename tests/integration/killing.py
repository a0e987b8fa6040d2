"""Procedures that are killed: the public command as a child, SIGKILL within its acts, and resumed until it is over.

The conditions are those of the drills: each makes what its procedure mends, judges what came of it, and puts it back.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import msgspec
from tests.integration.overheard import begin

from torghut.drills.catalogue import select
from torghut.drills.drill import Drill
from torghut.drills.play import wait_steady
from torghut.drills.scene import Scene
from torghut.ops.journal import Line
from torghut.ops.report import RunReport
from torghut.ops.state import Event, Note, Phase
from torghut.platform.waiting import wait_until

ACT_S, END_S = 400.0, 900.0
OVER = {Phase.DONE, Phase.UNDONE}
_ACTS = {Event.ACTING, Event.UNDOING}


def command(scene: Scene, *arguments: str) -> subprocess.Popen[bytes]:
    return begin(scene.home, "runbook", *arguments)


def notes(scene: Scene, run_id: str) -> list[Note]:
    """The run's journal so far. A last line that is being written is not there yet."""
    journal = scene.home.root / "journal" / "local.jsonl"
    whole = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    found = (msgspec.json.decode(line, type=Line).note for line in whole)
    return [note for note in found if note.run == run_id]


def report_of(scene: Scene, run_id: str) -> RunReport:
    spoken = scene.torghut("runbook", "history", run_id, "--verify", "--json")
    assert spoken.code == 0, spoken.stderr
    (report,) = msgspec.json.decode(spoken.stdout, type=list[RunReport])
    return report


@contextmanager
def made(scene: Scene, name: str) -> Iterator[Drill]:
    """The drill of this name, with its condition made and detected; all is put back after the block."""
    (drill,) = select(name)
    wait_steady(scene.stack)
    try:
        drill.make(scene)
        wait_until(lambda: drill.detected(scene), 240, f"{name} to be detected")
        yield drill
    finally:
        drill.restore(scene)
    wait_steady(scene.stack)


def killed_within_every_act(scene: Scene, run_id: str, *request: str) -> list[str]:
    """Run it; as soon as an act or an undo is announced, SIGKILL, and resume: once for each. Returns which these were.

    The kill falls before, within or after the effect, as it comes.
    """
    process = command(scene, "run", *request, "--yes", "--id", run_id)
    killed: list[str] = []
    while act := _await_act(scene, run_id, killed, process):
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        killed.append(act)
        process = command(scene, "resume", run_id, "--yes")
    return killed


def _await_act(scene: Scene, run_id: str, killed: list[str], process: subprocess.Popen[bytes]) -> str:
    """The next act that is announced and was not killed; empty when the command ends before."""

    def look() -> tuple[str] | None:
        over = process.poll() is not None
        acts = [f"{note.event.value} {note.step}" for note in notes(scene, run_id) if note.event in _ACTS]
        new = [act for act in acts if act not in killed]
        return ("",) if over else (new[0],) if new else None

    return wait_until(look, END_S, f"{run_id} to act", 0.02)[0]


def with_a_kill_of(scene: Scene, process_name: str, run_id: str, *request: str) -> RunReport:
    """Run it, and kill a process of the stack at a random moment. Resumed once, if it did not come to an end."""
    moment = Random().randint(1, 8)
    process = command(scene, "run", *request, "--yes", "--id", run_id)
    wait_until(lambda: len(notes(scene, run_id)) >= moment or process.poll() is not None, ACT_S, f"{moment} lines")
    scene.stack.kill(process_name)
    process.wait(END_S)
    report = report_of(scene, run_id)
    if report.phase not in OVER:
        scene.torghut("runbook", "resume", run_id, "--yes")
        report = report_of(scene, run_id)
    assert report.phase in OVER, f"killed {process_name} at line {moment}: {report.why}"
    return report


def assert_nothing_lost(report: RunReport) -> None:
    counted = ("lost", "duplicated", "bars_missing", "bars_doubled", "signals_missing", "signals_doubled")
    assert {name: report.figures.get(name, 0) for name in counted} == dict.fromkeys(counted, 0), report.audit
