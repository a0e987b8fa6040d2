"""The thin shell: reads the topics and the truth, waits for what may still be under way, and reports.

The topics are read first and the truth after them, so that a record never is ahead of a truth that knows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from torghut.audit.bucket import Scope
from torghut.audit.compare import Comparison
from torghut.audit.errors import AuditError, LedgerError, TopicsError
from torghut.audit.intake import Incoming
from torghut.audit.ledger import LedgerTruth
from torghut.audit.model import CHANNELS, Truth
from torghut.audit.report import Report
from torghut.audit.ta.terms import Terms
from torghut.audit.topics import Topics
from torghut.config import KafkaSettings
from torghut.platform.kafka.reader import ReadError
from torghut.platform.waiting import wait_until
from torghut.wire.topics import CHANNEL_TOPIC, DLQ

if TYPE_CHECKING:
    from torghut.audit.ta.compare import TaResult

_S: Final = 1_000_000_000
_BEFORE_NS: Final = 10 * _S  # records of a window's first events, should the clocks differ
_KNOWN_NS: Final = 120 * _S  # how long before a window what happened is looked at first: its records may come in it

Progress: TypeAlias = Callable[[str], None]
"""Told what is being done, in a few words, now and then."""


class AuditRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to audit. Times are ns since the epoch; a window that is open ends `settle_s` before now.

    `truth` takes the place of the ledger in `ledger`. When events are missing, records are read on for up to
    `wait_s`. Buckets go to `scratch` (the system's temporary folder) when they outgrow memory. `terms`: how the TA job
    is configured.
    """

    kafka: KafkaSettings
    ledger: Path | None = None
    truth: Truth | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    settle_s: float = 5.0
    wait_s: float = 30.0
    scratch: Path | None = None
    terms: Terms = Terms()


def run(request: AuditRequest, progress: Progress = lambda _: None) -> Report:
    """Audit, and say what was found.

    Raises:
        LedgerError: there is no ledger, or it is broken.
        HistoryError: Alpaca's history did not answer.
        TopicsError: the topics could not be read.
        ConfigError: the connection to Kafka is not fully described.
    """
    started = time.monotonic()
    scope = _scope(request, time.time_ns())
    with TemporaryDirectory(prefix="torghut-audit-", dir=request.scratch) as folder:
        try:
            report = _counted(request, scope, Path(folder), progress)
            signals = _recomputed(request, scope, Path(folder), progress)
        except ReadError as error:
            raise TopicsError(
                f"the audit wanted to read the topics of {request.kafka.bootstrap_servers}, but {error}; "
                "see `torghut status` and the broker's log"
            ) from error
        return with_signals(report, signals, time.monotonic() - started)


def _counted(request: AuditRequest, scope: Scope, folder: Path, progress: Progress) -> Report:
    """The comparison. What a near past does not explain is looked for in all of it."""
    near = _truth(request, scope.start_ns - _KNOWN_NS)
    report = _compared(request, near, scope, folder, progress)
    if isinstance(near, LedgerTruth) and not near.is_whole and any(c.unexpected for c in report.channels.values()):
        progress("looking further back")
        report = _compared(request, _truth(request, 0), scope, folder, progress)
    return report


def _compared(request: AuditRequest, truth: Truth, scope: Scope, folder: Path, progress: Progress) -> Report:
    with TemporaryDirectory(prefix="events-", dir=folder) as place, closing(_topics(request)) as topics:
        comparison = Comparison(truth, Path(place), prefix=request.kafka.topic_prefix)
        _compare(comparison, topics, scope, request.wait_s, progress)
        return comparison.report(scope)


def _topics(request: AuditRequest) -> Topics:
    since_ns = None if request.since_ns is None else request.since_ns - _BEFORE_NS
    return Topics(request.kafka, [*(CHANNEL_TOPIC[channel] for channel in CHANNELS), DLQ], since_ns=since_ns)


def _recomputed(request: AuditRequest, scope: Scope, folder: Path, progress: Progress) -> TaResult:
    """The audit of bars and signals; it needs no truth but the topics."""
    try:
        from torghut.audit.ta.run import audit_ta  # noqa: PLC0415 - polars takes its time, and is an extra
    except ModuleNotFoundError as error:
        raise AuditError(
            f"the audit recomputes bars and signals, but {error.name} is missing: install torghut[audit]"
        ) from error
    progress("recomputing bars and signals")
    place = folder / "ta"
    place.mkdir()
    return audit_ta(request.kafka, request.terms, (scope.start_ns, scope.end_ns), place, request.wait_s)


def with_signals(report: Report, signals: TaResult, seconds: float) -> Report:
    """The report with what was found out about bars and signals, which can make its verdict bad."""
    latency = msgspec.structs.replace(
        report.latency_ms,
        provisional=signals.provisional,
        final=signals.final,
    )
    return msgspec.structs.replace(
        report,
        verdict="bad" if signals.bad else report.verdict,
        bars=signals.bars,
        signals=signals.signals,
        latency_ms=latency,
        examples=(*report.examples, *signals.examples),
        seconds=round(seconds, 3),
    )


def _scope(request: AuditRequest, now_ns: int) -> Scope:
    horizon = now_ns - int(request.settle_s * _S)
    until = horizon if request.until_ns is None else min(horizon, request.until_ns)
    start = request.since_ns or 0
    if until <= start:
        raise AuditError(f"the window is empty: it starts at {start} and ends at {until} ns; choose an earlier start")
    return Scope(start, until, request.until_ns or now_ns + 3600 * _S)


def _truth(request: AuditRequest, since_ns: int) -> Truth:
    if request.truth is not None:
        return request.truth
    if request.ledger is None:
        raise LedgerError("there is nothing to compare with: name the simulator's ledger (--ledger)")
    return LedgerTruth(request.ledger, since_ns)


def _compare(comparison: Comparison, topics: Topics, scope: Scope, wait_s: float, progress: Progress) -> None:
    """Read and compare until all is there, or until it is too late for it to come."""

    def look() -> bool:
        comparison.take_records(_told(topics.read(), progress))
        progress("reading the truth")
        comparison.take_truth()
        progress(f"comparing {comparison.events:,} events with {comparison.intake.read:,} records")
        return comparison.settle(scope)

    try:
        wait_until(look, wait_s, "records of all events", interval_s=1.0)
    except TimeoutError:
        # What is missing now is lost: the report says so.
        progress(f"waited {wait_s:g} s for what is missing")


def _told(incoming: Iterator[Incoming], progress: Progress) -> Iterator[Incoming]:
    for number, item in enumerate(incoming):
        if number % 50_000 == 0:
            progress(f"reading records: {number:,}")
        yield item
