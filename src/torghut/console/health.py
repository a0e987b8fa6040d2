"""The health strip: how each part is, in one word and one sentence. Pure: from what was observed to what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from torghut.calendar import NYSE, Calendar, calendar_for
from torghut.console.lag import Percentiles
from torghut.console.reading import ReaderState
from torghut.console.words import duration, meaning
from torghut.stack.document import ProcessRecord
from torghut.wire.status import ForwarderStatus, TaStatus

_NS_PER_S: Final = 1_000_000_000
HEARTBEAT_LOST_S: Final = 25.0
"""Two heartbeats of the forwarder (10 s each) and some."""
TA_STATUS_LOST_S: Final = 5.0
CHECKPOINT_WARN_MS: Final = 10_000
CHECKPOINT_BAD_MS: Final = 60_000

_ON_ITS_WAY: Final = frozenset({"STARTING", "CREATED", "RESTARTING", "INITIALIZING", "RECONCILING"})

Level: TypeAlias = Literal["ok", "warn", "bad", "off"]


class Light(msgspec.Struct, frozen=True):
    """One part: `level` off means that it does not exist here. `procedure` is the one to run, if any."""

    name: str
    level: Level
    words: str
    procedure: str | None = None


class Figure(msgspec.Struct, frozen=True):
    """A lag in ms with what it is judged by; `value_ms` None is "not known"."""

    name: str
    value_ms: float | None
    level: Level
    words: str


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at `now_ns`. `processes` are the local stack's, None where there is no such stack.

    `dead_letters` counts those since the start by source and reason, `certificates` holds when each ends (seconds since
    the epoch).
    """

    now_ns: int
    feed: str | None
    processes: Mapping[str, ProcessRecord] | None
    forwarders: Mapping[str, ForwarderStatus]
    ta: TaStatus | None
    reader: ReaderState
    provisional: Percentiles | None = None
    final: Percentiles | None = None
    dead_letters: Mapping[tuple[str, str], int] = {}
    certificates: Mapping[str, float] = {}

    def age_s(self, ts_ns: int) -> float:
        """How long ago that was."""
        return (self.now_ns - ts_ns) / _NS_PER_S

    @property
    def active(self) -> ForwarderStatus | None:
        """The active forwarder, else the one that spoke last."""
        newest = sorted(self.forwarders.values(), key=lambda status: (status.role == "active", status.ts))
        return newest[-1] if newest else None


def strip(seen: Observed) -> list[Light]:
    """Every part, in the order in which the data flow."""
    return [_feed(seen), _forwarder(seen), _standby(seen), _kafka(seen), _flink(seen), _checkpoints(seen), _minio(seen)]


def lags(seen: Observed) -> list[Figure]:
    """What the lag pill shows."""
    active, ta = seen.active, seen.ta
    fresh = ta is not None and seen.age_s(ta.ts) < TA_STATUS_LOST_S
    return [
        _figure("feed to forwarder", active.lag_ms if active else None, 500, 2_000, "event time to receipt"),
        _figure("watermark", ta.watermark_lag_ms if ta and fresh else None, 5_000, 15_000, "how far event time is"),
        _figure(
            "event to signal",
            seen.provisional.p99 if seen.provisional else None,
            500,
            2_000,
            "receipt to provisional signal on this page, p99 of 30 s",
        ),
        _figure(
            "event to final",
            seen.final.p99 if seen.final else None,
            6_000,
            15_000,
            "receipt to final signal on this page, p99 of 30 s; holds the watermark's bound",
        ),
    ]


def _figure(name: str, value: float | None, warn: float, bad: float, words: str) -> Figure:
    if value is None:
        return Figure(name, None, "off", words)
    level: Level = "bad" if value > bad else "warn" if value > warn else "ok"
    return Figure(name, round(value, 1), level, f"{words}; warns above {warn:g} ms, alarms above {bad:g} ms")


def market_hours(seen: Observed) -> str | None:
    """`market closed until ...`, when the feed is a real one and its market is closed; else None."""
    calendar = _calendar(seen.feed)
    if calendar is None or calendar.session_at(seen.now_ns).is_open:
        return None
    return f"market closed, opens in {duration((calendar.next_change(seen.now_ns) - seen.now_ns) / _NS_PER_S)}"


def _calendar(feed: str | None) -> Calendar | None:
    """None where the hours of the market say nothing about the feed: a simulated or a replayed one."""
    if feed is None or feed == "sim" or feed.startswith("replay:"):
        return None
    return calendar_for(feed) if feed in ("crypto", "test") else NYSE


def _feed(seen: Observed) -> Light:
    closed, active, name = market_hours(seen), seen.active, _feed_name(seen.feed)
    if active is None:
        return Light("feed", "off" if closed else "warn", closed or f"no forwarder has reported yet; {name}")
    if active.reason.startswith(("alpaca_", "stale_")):
        said = meaning(active.reason)
        return Light("feed", "bad", f"{said.words}{_detail(active)}; {name}", said.procedure)
    return Light("feed", "ok", f"{closed or 'delivers'}; {name}")


def _feed_name(feed: str | None) -> str:
    if feed is None:
        return "from the topics alone"
    if feed == "sim":
        return "simulated, a stand-in for Alpaca"
    return f"replay of {feed.rpartition('/')[2]}" if feed.startswith("replay:") else f"Alpaca {feed}"


def _detail(status: ForwarderStatus) -> str:
    return f" ({status.detail})" if status.detail else ""


def _forwarder(seen: Observed) -> Light:
    active = seen.active
    if active is None:
        return Light("forwarder", "bad", "no forwarder has reported yet: is one running?")
    silent = seen.age_s(active.ts)
    if silent > HEARTBEAT_LOST_S and seen.reader.problem is None:
        return Light(
            "forwarder", "bad", f"{active.instance} has been silent for {duration(silent)}", "kafka-produce-failure"
        )
    said = meaning(active.reason)
    words = said.words if len(seen.forwarders) < 2 else f"{active.instance}: {said.words}"
    if active.status == "healthy":
        return Light("forwarder", "ok", words)
    waiting = f", attempt {active.attempt}" if active.attempt else ""
    level: Level = "bad" if active.status == "error" else "warn"
    return Light("forwarder", level, f"{words}{waiting}{_detail(active)}", said.procedure)


def _standby(seen: Observed) -> Light:
    ready = [
        status.instance
        for status in seen.forwarders.values()
        if status.role == "standby" and seen.age_s(status.ts) < HEARTBEAT_LOST_S
    ]
    if ready:
        return Light("standby", "ok", f"{', '.join(sorted(ready))} ready to take over")
    return Light("standby", "off", "none: if the forwarder dies, its restart is waited for")


def _kafka(seen: Observed) -> Light:
    if seen.reader.problem is not None:
        since = duration(seen.age_s(seen.reader.since_ns))
        return Light("kafka", "bad", f"{seen.reader.problem} (for {since})", "kafka-produce-failure")
    active = seen.active
    if active is not None and active.reason.startswith("kafka_"):
        said = meaning(active.reason)
        return Light("kafka", "bad", f"the forwarder says: {said.words}{_detail(active)}", said.procedure)
    return Light("kafka", "ok", "reads and writes" if seen.reader.live else "reading the last hour")


def _flink(seen: Observed) -> Light:
    ta = seen.ta
    if ta is None:
        return Light("flink", "off", "no job reports: submit one with `torghut ta submit`")
    silent = seen.age_s(ta.ts)
    if silent > TA_STATUS_LOST_S and seen.reader.problem is None:
        return Light("flink", "bad", f"the job's status stopped {duration(silent)} ago", "flink-rollback")
    words = f"{ta.status.lower()}, version {ta.version}"
    if ta.status == "RUNNING":
        idle = f", {len(ta.idle_partitions)} idle partitions" if ta.idle_partitions else ""
        return Light("flink", "ok", f"{words}{idle}")
    cause = "" if ta.reason == "ok" else f": {ta.reason}"
    if ta.status in _ON_ITS_WAY:
        return Light("flink", "warn", f"{words}{cause}")
    if ta.status == "STALLED":
        return Light("flink", "bad", f"{words}, so output stands still{cause}", "minio-rotation")
    return Light("flink", "bad", f"{words}{cause}", "flink-rollback")


def _checkpoints(seen: Observed) -> Light:
    ta = seen.ta
    if ta is None or ta.checkpoint.age_ms is None:
        return Light("checkpoints", "off" if ta is None else "warn", "none yet")
    state = ta.checkpoint
    age = (state.age_ms or 0) + seen.age_s(ta.ts) * 1000
    words = f"last one {duration(age / 1000)} ago"
    words += f", took {state.duration_ms:.0f} ms" if state.duration_ms is not None else ""
    words += f", {state.failed} failed" if state.failed else ""
    level: Level = "bad" if age > CHECKPOINT_BAD_MS else "warn" if age > CHECKPOINT_WARN_MS else "ok"
    return Light("checkpoints", level, words, "minio-rotation" if level != "ok" else None)


def _minio(seen: Observed) -> Light:
    record = (seen.processes or {}).get("minio")
    if record is None:
        return Light("minio", "off", "not part of this stack (it comes with the job)")
    if record.ready:
        return Light("minio", "ok", "answers")
    return Light("minio", "bad", f"{record.state.replace('_', ' ')}: {record.reason}", "minio-rotation")
