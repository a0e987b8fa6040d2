"""One measured run: a subject, a load, fresh topics; judged by the kernel and by what Kafka holds afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from torghut.bench import latencies
from torghut.bench.arena import MEASURED, Arena
from torghut.bench.errors import BenchError
from torghut.bench.load import Encoding, Load
from torghut.bench.stage import Stage
from torghut.bench.usage import usage_of
from torghut.platform.kafka.reader import Partition, TopicReader
from torghut.platform.ports import LOOPBACK
from torghut.platform.waiting import wait_until
from torghut.wire.topics import full_name

START_S: Final = 60.0
DELIVER_S: Final = 180.0
LOOK_S: Final = 0.02


class Subject(msgspec.Struct, frozen=True):
    """Who is measured. `encoding` is what it speaks with the feed; None if it brings its own records."""

    name: str
    module: str
    encoding: Encoding | None
    environment: dict[str, str] = {}


class Outcome(msgspec.Struct, frozen=True):
    """What a trial showed. `latencies_ms` (socket to acknowledgement) and `lag_ms` (sent to received) are sorted."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    latencies_ms: list[float]
    lag_ms: list[float]


class _Times(msgspec.Struct):
    event_ts: int
    ingest_ts: int


def run(arena: Arena, subject: Subject, load: Load) -> Outcome:
    """Measure once.

    Raises:
        BenchError: a process failed, or not every record is in Kafka exactly once: the figure would be false.
    """
    with arena.topics() as prefix, ExitStack() as stages:
        noted = arena.directory / f"{prefix}latencies" if load.rate else None
        environment = _environment(arena, subject, prefix, load, noted)
        log = arena.directory / f"{prefix}log"
        if subject.encoding is None:
            stage = source = stages.enter_context(_limit(subject, load, environment, log))
        else:
            arguments = (msgspec.json.encode(load).decode(), subject.encoding)
            source = stages.enter_context(
                Stage("torghut.bench.blaster", *arguments, environment={}, log=log.with_suffix(".blaster"))
            )
            environment["ALPACA_STREAM_URL"] = f"ws://{LOOPBACK}:{source.hear('listening', START_S).port}"
            stage = stages.enter_context(Stage(subject.module, environment=environment, log=log))
        base = source.hear("ready", START_S + load.messages / 20_000).base
        wall_s, cpu_s = _measure(source, stage, load, arena.counter(prefix))
        peak_mb = usage_of(stage.pid).peak_mb
        stage.end()
        lag_ms = verify(arena, prefix, load, base)
        if noted and not noted.exists():
            raise BenchError(f"{subject.name} left without its latencies; see {log}")
        noted_ms = latencies.read_sorted_ms(noted) if noted else []
        return Outcome(wall_s, cpu_s, peak_mb, noted_ms, lag_ms)


def _limit(subject: Subject, load: Load, environment: dict[str, str], log: Path) -> Stage:
    return Stage(subject.module, msgspec.json.encode(load).decode(), environment=environment, log=log)


def _environment(arena: Arena, subject: Subject, prefix: str, load: Load, noted: Path | None) -> dict[str, str]:
    environment = {
        **arena.stack.environment("forwarder", prefix),
        "ALPACA_KEY_ID": "bench",
        "ALPACA_SECRET_KEY": "bench",
        "ALPACA_FEED": "sip",
        "ALPACA_DATA_URL": f"http://{LOOPBACK}:9",
        "SYMBOLS": "*",
        "CHANNELS": "trades,quotes",
        "MARKET_CALENDAR": "always",
        "STALE_AFTER_S": "3600",
        "LEASE_FILE": str(arena.directory / f"{prefix}lease"),
        "QUEUE_MAX_RECORDS": str(max(200_000, 2 * load.messages)),
        "HEALTH_PORT": "0",
        "METRICS_PORT": "0",
        "LOG_LEVEL": "WARNING",
    }
    if noted is not None:
        environment[latencies.VARIABLE] = str(noted)
    return environment | subject.environment


def _measure(source: Stage, stage: Stage, load: Load, count: Callable[[], int]) -> tuple[float, float]:
    """Seconds of wall clock and of processor time from the first frame until Kafka holds everything."""
    count()  # opens the connection
    before = usage_of(stage.pid).cpu_s
    begun = time.monotonic()
    source.go()
    source.hear("done", DELIVER_S)

    def delivered() -> bool:
        stage.check()
        return count() >= load.messages

    try:
        wait_until(delivered, DELIVER_S, "Kafka to hold everything", LOOK_S)
    except TimeoutError as error:
        raise BenchError(f"{count()} of {load.messages} records arrived within {DELIVER_S:g} s") from error
    return time.monotonic() - begun, usage_of(stage.pid).cpu_s - before


def verify(arena: Arena, prefix: str, load: Load, base: int) -> list[float]:
    """Read everything back. Returns sorted how long each message took from its event time to its receipt, ms.

    Raises:
        BenchError: a record is missing, doubled, or none of this load.
    """
    decoder = msgspec.json.Decoder(_Times)
    seen = bytearray(load.messages)
    lag_ms: list[float] = []
    strangers = 0
    with TopicReader(
        arena.stack.kafka("audit", prefix).client(), [full_name(topic, prefix) for topic in MEASURED]
    ) as reader:
        ends = reader.ends(reader.partitions())
        start: dict[Partition, int] = {partition: low for partition, (low, _) in ends.items()}
        for record in reader.read(start, {partition: high for partition, (_, high) in ends.items()}):
            times = decoder.decode(record.value() or b"{}")
            number = load.number(base, times.event_ts)
            if number is None:
                strangers += 1
            else:
                seen[number] = min(seen[number] + 1, 2)
                lag_ms.append((times.ingest_ts - times.event_ts) / 1e6)
    lost, doubled = seen.count(0), seen.count(2)
    if lost or doubled or strangers:
        raise BenchError(f"of {load.messages} records {lost} lost, {doubled} doubled, {strangers} unknown: no figure")
    return sorted(lag_ms)
