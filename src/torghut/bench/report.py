"""What a measurement says: rows of figures with their spread, and the targets they are held against."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

from torghut.bench.machine import Machine


class Row(msgspec.Struct, frozen=True):
    """One figure. `ratio` is the value over the reference's for the same `what`; None where there is no reference."""

    what: str
    who: str
    value: float
    unit: str
    ratio: float | None


class Figure(msgspec.Struct, frozen=True):
    """A figure of several rounds."""

    what: str
    who: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)


class Target(msgspec.Struct, frozen=True):
    """What is to be reached, and what was."""

    text: str
    reached: bool
    seen: str


class Report(msgspec.Struct, frozen=True):
    """A whole measurement: `rows` holds each figure's median, then its lowest and highest under names of their own."""

    machine: Machine
    load: dict[str, str]
    rows: list[Row]


def rows(figures: Sequence[Figure], reference: str) -> list[Row]:
    """The figures as rows, compared with those of `reference`."""
    base = {figure.what: figure.median for figure in figures if figure.who == reference}
    medians = [
        Row(f.what, f.who, f.median, f.unit, f.median / base[f.what] if base.get(f.what) else None) for f in figures
    ]
    spread = [
        Row(f"{f.what} ({name})", f.who, choose(f.values), f.unit, None)
        for f in figures
        if len(f.values) > 1
        for name, choose in (("lowest", min), ("highest", max))
    ]
    return medians + spread
