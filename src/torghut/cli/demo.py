"""`torghut setup` and `torghut demo`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from torghut.cli.output import Exit
from torghut.cli.stack import reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torghut.stack.demo import Moment
    from torghut.stack.signal_watch import Latency


def setup(
    job: Annotated[bool, typer.Option("--job", help="Also Flink and MinIO, for the signals (1.5 GB).")] = False,
) -> None:
    """Fetch and build what the stack is made of. Once; broken off, it goes on where it was."""
    from torghut.stack.setup import set_up  # noqa: PLC0415 - keeps `--help` instant

    set_up(reporter(), job=job)


def demo(
    seconds: Annotated[float, typer.Option(min=10, help="How long to watch.")] = 75.0,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second of the simulated market.")] = 2000.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
) -> None:
    """The main job: start the whole stack, watch it live through a dropped connection and two kill -9, audit it.

    A stack that runs here already is used and left running. Exit code 0 when the audit says ok.
    """
    from torghut.audit import AuditRequest, run  # noqa: PLC0415 - keeps `--help` instant
    from torghut.cli.audit_report import print_report  # noqa: PLC0415
    from torghut.stack.demo import demonstrated, watch  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.stack.pause import paused_feed  # noqa: PLC0415
    from torghut.stack.signal_watch import SignalWatch  # noqa: PLC0415
    from torghut.stack.terms import terms_since  # noqa: PLC0415

    home = Home.from_environment()
    report, begun = reporter(), time.monotonic()
    with demonstrated(home, rate, report, keep=keep) as stack:
        with SignalWatch(stack.kafka("audit")) as signals:
            _show(_noting(watch(stack, signals, seconds), begun, report))
        report("the audit compares what happened with what is in Kafka, and computes every bar and signal anew")
        terms = terms_since(home, 0)
        request = AuditRequest(kafka=stack.kafka("audit"), ledger=home.ledger, terms=terms, wait_s=60.0)
        with paused_feed(stack):
            result = run(request, lambda _: None)
        print_report(result)
    if result.verdict != "ok":
        raise typer.Exit(Exit.BAD)


def _noting(moments: Iterator[Moment], begun: float, report: Callable[[str], None]) -> Iterator[Moment]:
    """The moments; at their end the figures of the whole are reported."""
    peak, first_at, final, provisional = 0, None, None, None
    for moment in moments:
        peak = max(peak, moment.memory_bytes)
        seen = moment.signals
        first_at, final, provisional = seen.first_at, seen.final, seen.provisional
        yield moment
    if first_at is not None and final is not None and provisional is not None:
        report(f"first signal {first_at - begun:.1f} s after the start")
        report(f"seen by a reader of committed records: receipt to provisional {_ms(provisional)}")
        report(f"seen by a reader of committed records: window's end to final signal {_ms(final)}")
    report(f"all processes together held at most {peak / (1 << 30):.2f} GiB")


def _ms(latency: Latency) -> str:
    if latency.p50 is None or latency.p99 is None:
        return "-"
    return f"p50 {latency.p50:,.0f} ms, p99 {latency.p99:,.0f} ms"


def _show(moments: Iterator[Moment]) -> None:
    """A table that moves; where nobody looks at it, a line every five seconds."""
    console = Console(stderr=True)
    if not console.is_terminal:
        _lines(moments)
        return
    events: list[str] = []
    with Live(console=console, refresh_per_second=4) as live:
        for moment in moments:
            if moment.event:
                events.append(f"{moment.elapsed_s:5.1f} s  {moment.event}")
            live.update(_view(moment, events))


def _lines(moments: Iterator[Moment]) -> None:
    told = -5.0
    for moment in moments:
        if moment.event is None and moment.elapsed_s - told < 5.0:
            continue
        told = moment.elapsed_s
        rate = sum(channel.rate for channel in moment.channels.values())
        event = f"  <- {moment.event}" if moment.event else ""
        sys.stderr.write(
            f"{moment.elapsed_s:6.1f} s  {moment.reason:<10} {rate:7,.0f} msg/s "
            f"{moment.acknowledged:>9,} in Kafka  job {moment.job.status:<10} {moment.signals.finals:>6,} signals"
            f"{event}\n"
        )


def _view(moment: Moment, events: list[str]) -> Group:
    memory = f"all processes hold {moment.memory_bytes / (1 << 30):.2f} GiB"
    return Group(_table(moment, []), "", _signals(moment), "", *events, memory)


def _signals(moment: Moment) -> Table:
    seen, job = moment.signals, moment.job
    age = "-" if job.checkpoint_age_ms is None else f"{job.checkpoint_age_ms / 1000:.1f} s"
    table = Table(box=None, pad_edge=False, caption_justify="left")
    table.title = f"job {job.status}   last checkpoint {age} ago"
    table.caption = (
        f"{seen.finals:,} final signals, {seen.revisions:,} revisions; window's end to final {_ms(seen.final)}; "
        f"receipt to provisional {_ms(seen.provisional)}"
    )
    table.add_column("signal")
    for name in ("until", "close", "EMA 12", "EMA 26", "MACD", "RSI 14", "VWAP", "bid", "ask"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in seen.newest:
        signal = row.signal
        values = (signal.close, signal.ema.ema12, signal.ema.ema26, signal.macd.hist, signal.rsi14)
        quote = (signal.vwap.session, signal.quote.bid, signal.quote.ask)
        until = datetime.fromtimestamp(row.end_ns / 1e9, UTC).strftime("%H:%M:%S")
        table.add_row(row.symbol, until, *("-" if value is None else f"{value:,.2f}" for value in (*values, *quote)))
    return table


def _table(moment: Moment, events: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, caption_justify="left")
    table.title = f"{moment.elapsed_s:.0f} s   {moment.reason}   {moment.detail[:50]}"
    table.caption = "\n".join([f"{moment.acknowledged:,} in Kafka, {moment.queued:,} queued", *events])
    table.add_column("channel")
    for name in ("received", "per second", "repaired", "repeats", "lag"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, channel in moment.channels.items():
        lag = "-" if channel.lag_ms is None else f"{channel.lag_ms:,.1f} ms"
        table.add_row(
            name,
            f"{channel.received:,}",
            f"{channel.rate:,.0f}",
            f"{channel.repaired:,}",
            f"{channel.dropped:,}",
            lag,
        )
    return table
