"""The audit beside a run: every event since it began, counted from the feed's ledger to the topics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torghut.audit import AuditRequest, run
from torghut.audit.errors import AuditError
from torghut.audit.report import BarCounts, Report
from torghut.config import ConfigError
from torghut.ops.errors import UnavailableError
from torghut.ops.witness import Testimony
from torghut.platform.errors import GitError
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.pause import paused_feed
from torghut.stack.running import RunningStack
from torghut.stack.terms import terms_since

_MARGIN_NS: Final = 2_000_000_000
"""Before the run began: what was under way at that moment counts."""


@dataclass(frozen=True)
class LocalWitness:
    """The audit of the stack in a home."""

    home: Home

    def testify(self, since_ns: int) -> Testimony:
        """Audit the span of the run; the simulated market rests meanwhile. A feed without a ledger is not counted."""
        stack = RunningStack(self.home)
        try:
            sim = stack.document().sim
            if sim is None:
                return Testimony(True, "not counted: this feed has no ledger; audit with --history")
            begun_ns = since_ns - _MARGIN_NS
            request = AuditRequest(
                kafka=stack.kafka("audit"),
                ledger=Path(sim.ledger_dir),
                since_ns=begun_ns,
                terms=terms_since(self.home, begun_ns),
            )
            with paused_feed(stack):
                return _testimony(run(request))
        except (AuditError, ConfigError, GitError, StackError) as error:
            raise UnavailableError(str(error)) from error


def _finals(name: str, counts: BarCounts) -> dict[str, float]:
    """What the job wrote, against what it had to; nothing in a stack without the job."""
    found = {"final": counts.final, "missing": counts.missing, "doubled": counts.duplicated, "wrong": counts.wrong}
    return {f"{name}_{what}": float(number) for what, number in found.items() if number is not None}


def _rarities(report: Report) -> dict[str, float]:
    """What else makes a verdict bad, where there is any of it."""
    kinds = ("unexpected", "wrong", "reordered", "seq_gaps")
    found = {kind: sum(getattr(channel, kind) for channel in report.channels.values()) for kind in kinds}
    found |= {"fencing": report.fencing, "undecodable": report.undecodable}
    return {name: float(number) for name, number in found.items() if number}


def _testimony(report: Report) -> Testimony:
    channels = report.channels.values()
    figures = {
        "sent": float(sum(channel.sent for channel in channels)),
        "lost": float(sum(channel.lost for channel in channels)),
        "duplicated": float(sum(channel.duplicated for channel in channels)),
        "repaired": float(sum(channel.repaired for channel in channels)),
        "max_gap_ms": float(report.max_gap_ms or 0),
        **_rarities(report),
        **_finals("bars", report.bars),
        **_finals("signals", report.signals),
    }
    said = ", ".join(f"{name} {value:,.0f}" for name, value in figures.items())
    return Testimony(report.verdict == "ok", f"audit {report.verdict}: {said}", figures)
