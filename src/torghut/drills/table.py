"""The table of drills: what is known of each, kept in a file that is written after every one of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from torghut.bench.machine import this_machine
from torghut.drills.catalogue import DRILLS
from torghut.drills.drill import DrillDocument, DrillResult, title
from torghut.platform.files import write_atomically


@dataclass
class Table:
    """Results at one load, in a file of its own below `directory`: JSON, and Markdown beside it."""

    directory: Path
    load: float
    results: dict[str, DrillResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._path = self.directory / f"{time.time_ns() // 1_000_000}"

    @classmethod
    def continued(cls, directory: Path, load: float) -> Table:
        """With what is ok in the newest one of this load."""
        for path in sorted(directory.glob("*.json"), reverse=True):
            known = msgspec.json.decode(path.read_bytes(), type=DrillDocument)
            if known.load == load:
                return cls(directory, load, {title(one): one for one in known.drills if one.verdict == "ok"})
        return cls(directory, load)

    def add(self, result: DrillResult) -> None:
        """Take one in, and write the file."""
        self.results[title(result)] = result
        document = self.document()
        write_atomically(self._path.with_suffix(".json"), msgspec.json.format(msgspec.json.encode(document)))
        write_atomically(self._path.with_suffix(".md"), markdown(document).encode())

    def document(self) -> DrillDocument:
        """All of it, in the catalogue's order."""
        names = [title(drill) for drill in DRILLS]
        return DrillDocument(
            "local", self.load, tuple(self.results[name] for name in names if name in self.results), this_machine()
        )


def markdown(document: DrillDocument) -> str:
    """The table, for people and for the docs."""
    head = "| drill | cause | verdict | detected s | recovered s | longest gap ms | lost | doubled | steps (s) |"
    lines = [head, "|" + "---|" * head.count(" | ") + "---|"]
    lines += [_row(result) for result in document.drills]
    bad = [f"- {result.name} / {result.cause}: {result.why}" for result in document.drills if result.why]
    return "\n".join([_caption(document), "", *lines, "", *bad]).rstrip() + "\n"


def _caption(document: DrillDocument) -> str:
    stand_ins = sorted({stand_in for result in document.drills for stand_in in result.stand_ins})
    load = f"Target {document.target}, {document.load:g} msg/s. Stand-ins: {', '.join(stand_ins) or 'none'}."
    if (on := document.machine) is None:
        return load
    where = f"{on.cores} cores ({on.cpu}), {on.memory_gb:g} GB, load average {on.load_average:g}"
    return f"{load} {on.date[:10]}, {where}."


def _row(result: DrillResult) -> str:
    numbers = (result.detected_s, result.recovered_s, result.max_gap_ms, result.lost, result.duplicated)
    told = " | ".join(_number(number) for number in numbers)
    steps = ", ".join(f"{step.name} {step.seconds:g}" for step in result.steps)
    return f"| {result.name} | {result.cause} | {result.verdict} | {told} | {steps} |"


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:,}"
