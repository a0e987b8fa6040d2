"""An audit's report as a person reads it: a table whose numbers are never cut, examples, the verdict in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from torghut.audit.report import BAD, ChannelCounts, Report

_ESSENTIAL: Final = ("sent", "received", "repaired", "lost", "duplicated", "gap")
_OTHERS: Final = ("unexpected", "wrong", "reordered", "seq_gaps", "dlq")
_UNBOUNDED: Final = 10_000  # columns; wider than any table


def print_report(report: Report) -> None:
    """Print it, as wide as the terminal, or as the numbers if these need more."""
    console = Console()
    others = [name for name in _OTHERS if any(getattr(counts, name) for counts in report.channels.values())]
    table = _table(report, (*_ESSENTIAL, *others))
    below = _width(table) > console.width
    if below:
        table = _table(report, _ESSENTIAL)
    Console(width=max(console.width, _width(table))).print(table)
    for line in _lines(report, others) if below else ():
        console.print(line, highlight=False)
    console.print()
    _print_rest(console, report)


def _table(report: Report, names: tuple[str, ...]) -> Table:
    table = Table("", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for channel, counts in report.channels.items():
        table.add_row(channel, *(_cell(counts, name) for name in names))
    return table


def _width(table: Table) -> int:
    return Console(width=_UNBOUNDED).measure(table).maximum


def _cell(counts: ChannelCounts, name: str) -> str:
    value = getattr(counts, name)
    colour = "red" if name in BAD else "yellow"
    return f"[{colour}]{value:,}[/]" if value and name in (*BAD, "gap", "dlq") else f"{value:,}"


def _lines(report: Report, names: list[str]) -> Iterator[str]:
    """What did not fit beside the other counts, where it is not 0."""
    for channel, counts in report.channels.items():
        found = [f"{_cell(counts, name)} {name}" for name in names if getattr(counts, name)]
        if found:
            yield f"{channel}: {', '.join(found)}"


def _ta_lines(report: Report) -> Iterator[str]:
    """The recomputed bars and signals, where there is a job to audit."""
    for name, counts in (("bars", report.bars), ("signals", report.signals)):
        if counts.expected is not None:
            numbers = {field: getattr(counts, field) or 0 for field in ("missing", "duplicated", "wrong")}
            bad = ", ".join(f"[red]{n:,} {field}[/]" if n else f"0 {field}" for field, n in numbers.items())
            yield f"{name}: {counts.final:,} of {counts.expected:,} seconds final; {bad}"
    for name, spread in (("provisional", report.latency_ms.provisional), ("final", report.latency_ms.final)):
        if spread.p50 is not None:
            since = "ingest" if name == "provisional" else "the window's end"
            yield f"{since} to {name}: p50 {spread.p50:g} ms, p99 {spread.p99:g} ms"


def _print_rest(console: Console, report: Report) -> None:
    for line in _ta_lines(report):
        console.print(line, highlight=False)
    ingest = report.latency_ms.ingest
    if ingest.p50 is not None:
        console.print(f"event to ingest: p50 {ingest.p50:g} ms, p99 {ingest.p99:g} ms")
    console.print(f"longest stall of delivery: {report.max_gap_ms:,.0f} ms")
    if report.injected or report.dlq:
        injected = ", ".join(f"{count:,} {what}" for what, count in sorted(report.injected.items())) or "none"
        console.print(f"bad frames sent: {injected}; dead letters: {report.dlq:,}")
    for example in report.examples:
        console.print(
            f"  [{'red' if example.what != 'gap' else 'yellow'}]{example.what}[/] {example.channel}"
            f" {escape(example.symbol)} {escape(example.identity)}: {escape(example.where)}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"[bold {'green' if report.verdict == 'ok' else 'red'}]{report.verdict}[/]: {_sentence(report)}")


def _sentence(report: Report) -> str:
    sent = sum(counts.sent for counts in report.channels.values())
    gap = sum(counts.gap for counts in report.channels.values())
    bad = {name: sum(getattr(counts, name) for counts in report.channels.values()) for name in BAD}
    bad |= {"fencing": report.fencing, "undecodable": report.undecodable}
    what = ", ".join(f"{count:,} {name}" for name, count in bad.items() if count)
    ta = sum(
        getattr(c, name) or 0 for c in (report.bars, report.signals) for name in ("missing", "duplicated", "wrong")
    )
    text = f"of {sent:,} events {what}" if what else f"all {sent - gap:,} events are in Kafka exactly once, unchanged"
    if gap:
        text += f" ({gap:,} more fell into a disconnect, and history does not have them)"
    if ta:
        text += f"; {ta:,} bars or signals are not what a recomputation gives"
    elif report.bars.expected:
        text += ", and every bar and signal is what a recomputation gives"
    return f"{text}; {report.records:,} records read in {report.seconds:.1f} s"
