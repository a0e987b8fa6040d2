"""Several drills one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from torghut.drills.drill import Drill, DrillDocument, DrillResult, title
from torghut.drills.errors import DrillError
from torghut.drills.load import Ground, under_load
from torghut.drills.play import play
from torghut.drills.table import Table
from torghut.stack.home import Home
from torghut.targets.local.target import journal_directory

NEED_THE_JOB: Final = frozenset({"minio-rotation", "flink-upgrade", "flink-rollback", "lag-spike"})
"""Procedures that are about the job."""

Report = Callable[[str], None]


def run(home: Home, drills: Sequence[Drill], load: float, report: Report, *, resume: bool = False) -> DrillDocument:
    """Play them all; one that cannot be played is bad, and the others go on.

    With `resume` the newest table of this load is continued: only those are played that are not ok in it.

    Raises:
        DrillError: there is no stack to play on.
    """
    directory = journal_directory(home) / "drills"
    table = Table.continued(directory, load) if resume else Table(directory, load)
    left = [drill for drill in drills if title(drill) not in table.results]
    if left:
        with under_load(home, load, report, job=any(drill.name in NEED_THE_JOB for drill in left)) as ground:
            for number, drill in enumerate(left, 1):
                report(f"drill {number} of {len(left)}: {title(drill)}")
                table.add(result := _play(drill, ground, report))
                report(_told(result))
    return table.document()


def _play(drill: Drill, ground: Ground, report: Report) -> DrillResult:
    try:
        ground.prepare()
        result = play(drill, ground.home, report)
    except DrillError as error:
        result = DrillResult.unplayed(drill.name, drill.cause, drill.stand_ins, str(error))
    return msgspec.structs.replace(result, at=datetime.now(UTC).isoformat(timespec="seconds"))


def _told(result: DrillResult) -> str:
    figures = f"recovered after {result.recovered_s} s, longest gap {result.max_gap_ms} ms, nothing lost or doubled"
    return f"{title(result)}: {result.verdict}; {result.why or figures}"
