"""Counts what happened against what Kafka holds: nothing lost, nothing doubled, nothing changed.

Independent of what it audits: it imports neither the feed nor the forwarder nor the simulator, and reads times,
payloads and identities with its own code. `run` audits a stack; `compare` is the same without Kafka.
"""

from __future__ import annotations

from torghut.audit.compare import compare
from torghut.audit.errors import AuditError, HistoryError, LedgerError, TopicsError
from torghut.audit.report import ChannelCounts, Example, Report
from torghut.audit.run import AuditRequest, run

__all__ = [
    "AuditError",
    "AuditRequest",
    "ChannelCounts",
    "Example",
    "HistoryError",
    "LedgerError",
    "Report",
    "TopicsError",
    "compare",
    "run",
]
