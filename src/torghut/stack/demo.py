"""The demonstration: a stack under load, disturbed on purpose, and what a person watches meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Final

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from torghut.platform.errors import PlatformError
from torghut.platform.processes import resident_bytes
from torghut.sim.control import SimControl
from torghut.stack.desired import put_back
from torghut.stack.document import StackDocument, running_document
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.signal_watch import SignalTraffic, SignalWatch
from torghut.stack.start import Report, Wish, down, up
from torghut.stack.status import forwarder_status
from torghut.stack.submission import job_status, prepare
from torghut.wire.topics import Channel

REFRESH_S: Final = 1.0
CATCH_UP_S: Final = 120.0
_CURRENT_NS: Final = 10_000_000_000

FORWARDED: Final = tuple(channel.value for channel in Channel if not channel.value.startswith("ta."))


class ChannelTraffic(msgspec.Struct, frozen=True):
    """One channel: events received, per second since the last look, from history, repeats dropped, lag in ms."""

    received: int
    rate: float
    repaired: int
    dropped: int
    lag_ms: float | None


class JobView(msgspec.Struct, frozen=True):
    """The job at one time: its state in a word, the watermark's lag and the age of the last checkpoint in ms."""

    status: str
    lag_ms: float | None
    checkpoint_age_ms: float | None


class Moment(msgspec.Struct, frozen=True):
    """What is to be seen at one time. `memory_bytes`: of all processes of the stack."""

    elapsed_s: float
    event: str | None
    reason: str
    detail: str
    queued: int
    acknowledged: int
    channels: dict[str, ChannelTraffic]
    job: JobView
    signals: SignalTraffic
    memory_bytes: int


class Disturbance(msgspec.Struct, frozen=True):
    """Something that is done to the stack at `at` (a fraction of the demonstration's time)."""

    at: float
    what: str


DROP: Final = Disturbance(0.1, "the feed drops the connection")
KILL_TASKMANAGER: Final = Disturbance(0.2, "kill -9 of Flink's TaskManager")
KILL: Final = Disturbance(0.5, "kill -9 of the forwarder")
_KILLED: Final = {KILL: "forwarder", KILL_TASKMANAGER: "taskmanager"}


@contextmanager
def demonstrated(home: Home, rate: float, report: Report, *, keep: bool) -> Iterator[RunningStack]:
    """A stack with the job: the one that runs here, which goes on running, or one that is started.

    Unless `keep` is set, what was started ends with the block, and the home wants what it wanted before.

    Raises:
        StackError: it cannot be started.
        PlatformError: a component is missing.
    """
    document = running_document(home)
    if document is not None:
        if document.flink is None:
            up(home, Wish(rate=rate, ta=prepare(home, report=report)), report)
        yield RunningStack(home)
        return
    report(f"starting Kafka, a simulator of Alpaca (a stand-in), the forwarder, MinIO and Flink in {home.root}")
    with nullcontext() if keep else put_back(home):
        up(home, Wish(rate=rate, ta=prepare(home, report=report), anew=True), report, leash=not keep)
        try:
            yield RunningStack(home)
        finally:
            if not keep:
                down(home, report)


def watch(stack: RunningStack, signals: SignalWatch, seconds: float) -> Iterator[Moment]:
    """Look about once a second for `seconds`; on the way, do to the stack what it has to survive.

    A job that is still recovering then is watched until its signals are those of now, for `CATCH_UP_S` at most.
    """
    due = [DROP, KILL_TASKMANAGER, KILL] if stack.document().sim is not None else []
    begun = time.monotonic()
    before: Moment | None = None
    while (elapsed := time.monotonic() - begun) < seconds or (
        elapsed < seconds + CATCH_UP_S and not _is_current(before)
    ):
        event = None
        if due and elapsed >= due[0].at * seconds:
            event = _disturb(stack, due.pop(0))
        before = _look(stack, signals, elapsed, event, before)
        yield before
        time.sleep(REFRESH_S)


def _is_current(moment: Moment | None) -> bool:
    """Whether signals are of now, but for the watermark's bound and a checkpoint."""
    newest = max((row.end_ns for row in moment.signals.newest), default=0) if moment else 0
    return time.time_ns() - newest < _CURRENT_NS


def _disturb(stack: RunningStack, disturbance: Disturbance) -> str:
    sim = stack.document().sim
    if disturbance is DROP and sim is not None:
        with SimControl(sim.control_url) as control:
            control.drop()
    if disturbance in _KILLED:
        stack.kill(_KILLED[disturbance])
    return disturbance.what


def _look(
    stack: RunningStack, signals: SignalWatch, elapsed_s: float, event: str | None, before: Moment | None
) -> Moment:
    document = stack.document()
    status = forwarder_status(document) or {}
    counts = _metrics(document.forwarder.metrics_url) if document.forwarder else {}
    return Moment(
        elapsed_s=elapsed_s,
        event=event,
        reason=str(status.get("reason", "no answer")),
        detail=str(status.get("detail", "")),
        queued=int(counts.get(("torghut_kafka_queue_messages", ""), 0)),
        acknowledged=int(counts.get(("torghut_kafka_produce_total", "acknowledged"), 0)),
        channels=_channels(counts, elapsed_s, before),
        job=_job(stack),
        signals=signals.traffic(),
        memory_bytes=memory_of(document),
    )


def memory_of(document: StackDocument) -> int:
    """Bytes that all processes of the stack hold, the supervisor's included."""
    leaders = [record.pid for record in document.processes.values() if record.pid is not None]
    return resident_bytes([*leaders, document.supervisor.pid])


def _job(stack: RunningStack) -> JobView:
    try:
        status = job_status(stack.home)
    except (PlatformError, StackError):
        return JobView("no answer", None, None)
    return JobView(status.status, status.watermark_lag_ms, status.checkpoint.age_ms)


def _channels(
    counts: Mapping[tuple[str, str], float], elapsed_s: float, before: Moment | None
) -> dict[str, ChannelTraffic]:
    channels = {}
    for name in FORWARDED:
        received = int(counts.get(("torghut_ws_messages_total", name), 0))
        old = before.channels[name].received if before else received
        span = elapsed_s - before.elapsed_s if before else 1.0
        channels[name] = ChannelTraffic(
            received=received,
            rate=max(0, received - old) / span,
            repaired=int(counts.get(("torghut_repaired_total", name), 0)),
            dropped=int(counts.get(("torghut_dedup_dropped_total", name), 0)),
            lag_ms=counts.get(("torghut_ws_lag_ms", name)),
        )
    return channels


def _metrics(url: str) -> dict[tuple[str, str], float]:
    """Samples by name and their telling label; sums over the others. Empty when nobody answers."""
    try:
        text = httpx.get(f"{url}/metrics", timeout=2.0).text
    except httpx.HTTPError:
        return {}
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, sample.labels.get("channel") or sample.labels.get("outcome") or "")
            found[key] = found.get(key, 0.0) + sample.value
    return found
