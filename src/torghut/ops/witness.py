"""The proof beside a run: whether records were lost or doubled while it was under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Testimony:
    """What was counted. `figures` has at least `lost`, `duplicated` and `max_gap_ms` where they could be counted."""

    ok: bool
    what: str
    figures: Mapping[str, float] = field(default_factory=dict)


class Witness(Protocol):
    """Counts records end to end."""

    def testify(self, since_ns: int) -> Testimony:
        """What became of everything since then (ns since the epoch). A procedure that lost a record has failed."""
        ...


class NoWitness:
    """For targets that carry no records."""

    def testify(self, since_ns: int) -> Testimony:  # noqa: ARG002 - nothing happened in any span
        """Nothing to count."""
        return Testimony(True, "no records to count")
