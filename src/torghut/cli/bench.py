"""`torghut bench`: the measurements behind every performance claim."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from torghut.cli.output import Exit, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from torghut.bench.report import Figure, Report, Target

app = typer.Typer(help="Measure: ours beside what others offer, on the same records.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure: ours beside what others offer, on the same records."""


@app.command()
def forwarder(
    messages: Annotated[int, typer.Option(min=100, help="Records of a trial that goes as fast as it can.")] = 150_000,
    seconds: Annotated[float, typer.Option(min=0.5, help="Duration of a trial at a steady rate.")] = 4.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often all is measured; medians are shown.")] = 3,
    rate: Annotated[float, typer.Option(min=100, help="Messages a second of the steady trial.")] = 20_000.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """The forwarder beside alpaca-py and beside librdkafka alone, into a real broker through TLS with acks=all.

    Takes the broker of the running stack, or starts one for the time. The topics are its own and are deleted. Each
    figure counts only if every record is found in Kafka exactly once. What is measured, and how: docs/benchmarks.md.
    """
    from torghut.bench.arena import arena  # noqa: PLC0415 - keeps `--help` instant
    from torghut.bench.errors import BenchError  # noqa: PLC0415
    from torghut.bench.forwarder import Plan, measure  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415

    plan = Plan(messages=messages, seconds=seconds, rounds=rounds, rate=rate)
    try:
        with arena(Home.from_environment(), _tell) as place:
            measured = measure(place, plan, _tell)
    except BenchError as error:
        _tell(str(error))
        raise typer.Exit(Exit.BAD) from error
    if as_json:
        print_json(measured.report)
    else:
        _print("torghut bench forwarder", "to alpaca-py", measured.figures, measured.report, measured.targets)


@app.command()
def ta(
    seconds: Annotated[float, typer.Option(min=4, help="Duration of each steady load.")] = 8.0,
    backlog: Annotated[int, typer.Option(min=10_000, help="Trades of a backlog.")] = 400_000,
    checkpoint_interval_ms: Annotated[
        int, typer.Option(envvar="CHECKPOINT_INTERVAL_MS", min=100, help="Milliseconds between checkpoints.")
    ] = 500,
    only: Annotated[str, typer.Option(help="Measure only the subject of this name (torghut, naive, sql).")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Little of everything: does it work, not how fast.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """The Flink job beside a keyed PyFlink operator and beside Flink SQL alone, on the same records, in one run.

    Starts Kafka, MinIO and Flink of its own and ends them; a running stack is left alone. A figure counts only if
    every bar is found in Kafka exactly once. What is measured, and how: docs/benchmarks.md.
    """
    from torghut.bench.errors import BenchError  # noqa: PLC0415 - keeps `--help` instant
    from torghut.bench.ta import plan as plans  # noqa: PLC0415
    from torghut.bench.ta.measure import measure  # noqa: PLC0415
    from torghut.bench.ta.place import place  # noqa: PLC0415

    plan = plans.quick(checkpoint_interval_ms) if quick else plans.full(checkpoint_interval_ms, seconds, backlog)
    try:
        with place(_tell) as where:
            measured = measure(where, plans.limited(plan, only) if only else plan, _tell)
    except BenchError as error:
        _tell(str(error))
        raise typer.Exit(Exit.BAD) from error
    if as_json:
        print_json(measured.report)
    else:
        _print("torghut bench ta", "to the naive job", measured.figures, measured.report, measured.targets)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _print(title: str, reference: str, figures: list[Figure], report: Report, targets: list[Target]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    ratios = {(row.what, row.who): row.ratio for row in report.rows}
    table = Table("what", "who", title=title, title_justify="left")
    for column in ("median", "lowest - highest", "unit", reference):
        table.add_column(column, justify="right")
    previous = ""
    for figure in figures:
        if previous and figure.what != previous:
            table.add_section()
        ratio = ratios[figure.what, figure.who]
        spread = f"{_number(min(figure.values))} - {_number(max(figure.values))}"
        what = figure.what if figure.what != previous else ""
        table.add_row(what, figure.who, _number(figure.median), spread, figure.unit, f"{ratio:.2f} x" if ratio else "-")
        previous = figure.what
    console = Console()
    console.print(table)
    for target in targets:
        mark = "[green]reached" if target.reached else "[yellow]not reached"
        console.print(f"{mark}[/]: {target.text}: {target.seen}")
    _print_setting(console, report)


def _print_setting(console: Console, report: Report) -> None:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    console.print(
        f"\n{machine.date}, {machine.cores} cores of {machine.cpu}, {machine.memory_gb} GB, {machine.system}, "
        f"load average {machine.load_average} at the start; {versions}",
        highlight=False,
        soft_wrap=True,
    )
    for name, text in report.load.items():
        console.print(f"  {name}: {text}", highlight=False, soft_wrap=True)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
