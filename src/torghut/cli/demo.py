"""`torghut setup` and `torghut demo`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from torghut.cli.output import Exit
from torghut.cli.stack import reporter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torghut.stack.demo import Moment


def setup(
    job: Annotated[bool, typer.Option("--job", help="Also Flink and MinIO, for the signals (1.5 GB).")] = False,
) -> None:
    """Fetch and build what the stack is made of. Once; broken off, it goes on where it was."""
    from torghut.stack.setup import set_up  # noqa: PLC0415 - keeps `--help` instant

    set_up(reporter(), job=job)


def demo(
    seconds: Annotated[float, typer.Option(min=10, help="How long to watch.")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second of the simulated market.")] = 2000.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
) -> None:
    """The main job: start the whole stack, watch it live through a dropped connection and a kill -9, audit it.

    A stack that runs here already is used and left running. Exit code 0 when the audit says ok.
    """
    from torghut.audit import AuditRequest, run  # noqa: PLC0415 - keeps `--help` instant
    from torghut.cli.audit_report import print_report  # noqa: PLC0415
    from torghut.stack.demo import watch  # noqa: PLC0415
    from torghut.stack.document import running_document  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.stack.running import RunningStack  # noqa: PLC0415
    from torghut.stack.start import Wish, down, up  # noqa: PLC0415

    home = Home.from_environment()
    report = reporter()
    found = running_document(home) is not None
    if not found:
        report(f"starting Kafka, a simulator of Alpaca (a stand-in) and the forwarder in {home.root}")
        up(home, Wish(rate=rate), report, leash=not keep)
    stack = RunningStack(home)
    try:
        _show(watch(stack, seconds))
        report("the audit compares what happened with what is in Kafka")
        result = run(AuditRequest(kafka=stack.kafka("audit"), ledger=home.ledger), lambda _: None)
        print_report(result)
    finally:
        if not found and not keep:
            down(home, report)
    if result.verdict != "ok":
        raise typer.Exit(Exit.BAD)


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
            live.update(_table(moment, events))


def _lines(moments: Iterator[Moment]) -> None:
    told = -5.0
    for moment in moments:
        if moment.event is None and moment.elapsed_s - told < 5.0:
            continue
        told = moment.elapsed_s
        rate = sum(channel.rate for channel in moment.channels.values())
        event = f"  <- {moment.event}" if moment.event else ""
        sys.stderr.write(
            f"{moment.elapsed_s:6.1f} s  {moment.reason:<20} {rate:7,.0f} msg/s "
            f"{moment.acknowledged:>9,} in Kafka {moment.queued:>6,} queued{event}\n"
        )


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
