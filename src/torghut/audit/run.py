"""The thin shell: reads the topics and the truth, waits for what may still be under way, and reports.

The topics are read first and the truth after them, so that a record never is ahead of a truth that knows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

import msgspec

from torghut.audit.bucket import Scope
from torghut.audit.compare import Comparison
from torghut.audit.errors import AuditError, LedgerError, TopicsError
from torghut.audit.intake import Incoming
from torghut.audit.ledger import LedgerTruth
from torghut.audit.model import CHANNELS, Truth
from torghut.audit.order import Position
from torghut.audit.report import Report
from torghut.config import KafkaSettings
from torghut.platform.kafka.reader import Partition, ReadError, TopicReader
from torghut.platform.waiting import wait_until
from torghut.wire.topics import CHANNEL_TOPIC, DLQ, full_name

_S: Final = 1_000_000_000
_BEFORE_NS: Final = 10 * _S  # records of a window's first events, should the clocks differ

Progress: TypeAlias = Callable[[str], None]
"""Told what is being done, in a few words, now and then."""


class AuditRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to audit. Times are ns since the epoch; a window that is open ends `settle_s` before now.

    `truth` takes the place of the ledger in `ledger`. When events are missing, records are read on for up to
    `wait_s`. Buckets go to `scratch` (the system's temporary folder) when they outgrow memory.
    """

    kafka: KafkaSettings
    ledger: Path | None = None
    truth: Truth | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    settle_s: float = 5.0
    wait_s: float = 30.0
    scratch: Path | None = None


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
        comparison = Comparison(_truth(request), Path(folder), prefix=request.kafka.topic_prefix)
        try:
            with closing(_Topics(request.kafka, since_ns=request.since_ns)) as topics:
                _compare(comparison, topics, scope, request.wait_s, progress)
        except ReadError as error:
            raise TopicsError(
                f"the audit wanted to read the topics of {request.kafka.bootstrap_servers}, but {error}; "
                "see `torghut status` and the broker's log"
            ) from error
        return comparison.report(scope, seconds=time.monotonic() - started)


def _scope(request: AuditRequest, now_ns: int) -> Scope:
    horizon = now_ns - int(request.settle_s * _S)
    until = horizon if request.until_ns is None else min(horizon, request.until_ns)
    start = request.since_ns or 0
    if until <= start:
        raise AuditError(f"the window is empty: it starts at {start} and ends at {until} ns; choose an earlier start")
    return Scope(start, until, request.until_ns or now_ns + 3600 * _S)


def _truth(request: AuditRequest) -> Truth:
    if request.truth is not None:
        return request.truth
    if request.ledger is None:
        raise LedgerError("there is nothing to compare with: name the simulator's ledger (--ledger)")
    return LedgerTruth(request.ledger)


def _compare(comparison: Comparison, topics: _Topics, scope: Scope, wait_s: float, progress: Progress) -> None:
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


class _Topics:
    """The forwarder's topics from the window's start on; each reading goes up to where they end then."""

    def __init__(self, kafka: KafkaSettings, *, since_ns: int | None) -> None:
        names = dict.fromkeys(full_name(CHANNEL_TOPIC[channel], kafka.topic_prefix) for channel in CHANNELS)
        self._reader = TopicReader(kafka.client(), [*names, full_name(DLQ, kafka.topic_prefix)])
        self._since_ns = since_ns
        self._next: dict[Partition, int] = {}

    def close(self) -> None:
        self._reader.close()

    def read(self) -> Iterator[Incoming]:
        """What was not read yet."""
        if not self._next:
            self._next = self._start()
        ends = {partition: end for partition, (_, end) in self._reader.ends(list(self._next)).items()}
        for message in self._reader.read(self._next, ends):
            yield Incoming(
                Position(message.topic() or "", message.partition() or 0, message.offset() or 0),
                _bytes(message.key()),
                _bytes(message.value()),
                message.timestamp()[1],
            )
        self._next = {partition: max(offset, ends[partition]) for partition, offset in self._next.items()}

    def _start(self) -> dict[Partition, int]:
        partitions = self._reader.partitions()
        if self._since_ns is None:
            return {partition: low for partition, (low, _) in self._reader.ends(partitions).items()}
        return self._reader.offsets_at(partitions, (self._since_ns - _BEFORE_NS) // 1_000_000)


def _bytes(data: bytes | str | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
