"""Several drills one after the other, and the document about them, kept in the home."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from torghut.drills.drill import Drill, DrillDocument, DrillResult
from torghut.drills.errors import DrillError
from torghut.drills.load import under_load
from torghut.drills.play import play
from torghut.platform.files import write_atomically
from torghut.stack.home import Home
from torghut.targets.local.target import journal_directory

NEED_THE_JOB: Final = frozenset({"minio-rotation", "flink-upgrade", "flink-rollback", "lag-spike"})
"""Procedures that are about the job."""


def run(home: Home, drills: Sequence[Drill], load: float, report: Callable[[str], None]) -> DrillDocument:
    """Play them all; one that cannot be played is bad, and the others go on.

    Raises:
        DrillError: there is no stack to play on.
    """
    with under_load(home, load, report, job=any(drill.name in NEED_THE_JOB for drill in drills)):
        results = tuple(_play(drill, home, report) for drill in drills)
    document = DrillDocument("local", load, results)
    path = journal_directory(home) / "drills" / f"{time.time_ns() // 1_000_000}"
    write_atomically(path.with_suffix(".json"), msgspec.json.format(msgspec.json.encode(document)))
    write_atomically(path.with_suffix(".md"), markdown(document).encode())
    return document


def _play(drill: Drill, home: Home, report: Callable[[str], None]) -> DrillResult:
    try:
        return play(drill, home, report)
    except DrillError as error:
        report(f"{drill.name} / {drill.cause}: {error}")
        return DrillResult.unplayed(drill.name, drill.cause, drill.stand_ins, str(error))


def markdown(document: DrillDocument) -> str:
    """The table, for people and for the docs."""
    head = "| drill | cause | verdict | detected s | recovered s | longest gap ms | lost | doubled | steps (s) |"
    lines = [head, "|" + "---|" * head.count(" | ") + "---|"]
    lines += [_row(result) for result in document.drills]
    bad = [f"- {result.name} / {result.cause}: {result.why}" for result in document.drills if result.why]
    stand_ins = sorted({stand_in for result in document.drills for stand_in in result.stand_ins})
    load = f"Target {document.target}, {document.load:g} msg/s. Stand-ins: {', '.join(stand_ins) or 'none'}."
    return "\n".join([load, "", *lines, "", *bad]).rstrip() + "\n"


def _row(result: DrillResult) -> str:
    numbers = (result.detected_s, result.recovered_s, result.max_gap_ms, result.lost, result.duplicated)
    told = " | ".join("-" if number is None else f"{number:,}" for number in numbers)
    steps = ", ".join(f"{step.name} {step.seconds:g}" for step in result.steps)
    return f"| {result.name} | {result.cause} | {result.verdict} | {told} | {steps} |"
