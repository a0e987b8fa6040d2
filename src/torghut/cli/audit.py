"""`torghut audit`: counts what happened against what Kafka holds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torghut.cli.output import Exit, print_json
from torghut.cli.times import parse_when
from torghut.wire.times import NS_PER_S

if TYPE_CHECKING:
    from torghut.audit.model import Truth


def audit(
    *,
    since: Annotated[
        str | None, typer.Option(help="Start of the window: 10m (ago), an RFC 3339 time, or ns.", show_default="all")
    ] = None,
    until: Annotated[str | None, typer.Option(help="End of the window.", show_default="now, less --settle-s")] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="The simulator's ledger, a folder.", show_default="that of the running stack")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Compare with Alpaca's history API (ALPACA_*, SYMBOLS) instead.")
    ] = False,
    topic_prefix: Annotated[
        str | None, typer.Option(envvar="TOPIC_PREFIX", help="Before every topic name.", show_default="the stack's")
    ] = None,
    settle_s: Annotated[float, typer.Option(min=0, help="Events younger than this may still be under way.")] = 5.0,
    wait_s: Annotated[float, typer.Option(min=0, help="How long missing records may still come.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Prove that every event is in Kafka exactly once, with its values unchanged, and every bar and signal right.

    Compares the truth (the simulator's ledger, or Alpaca's history with --history) with the topics. Exit code 0 when
    nothing is lost, doubled, changed or out of order, 1 when something is, 2 when the audit could not be made.
    Bars and signals are recomputed from the topics themselves, by the TA_ variables that the job was submitted with
    since then; variables of the environment go before those.
    The Kafka of the running stack is read as its user `audit`, another one by the KAFKA_ variables.
    """
    from torghut.audit import AuditRequest, run  # noqa: PLC0415 - keeps `--help` instant
    from torghut.cli.audit_report import print_report  # noqa: PLC0415
    from torghut.cli.connection import kafka_settings  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.stack.terms import terms_since  # noqa: PLC0415

    start_ns, end_ns = parse_when(since), parse_when(until)
    request = AuditRequest(
        kafka=kafka_settings(topic_prefix),
        ledger=None if history else ledger or _ledger(),
        truth=_history(start_ns, end_ns, settle_s) if history else None,
        since_ns=start_ns,
        until_ns=end_ns,
        settle_s=settle_s,
        wait_s=wait_s,
        terms=terms_since(Home.from_environment(), start_ns or 0, os.environ),
    )
    with _progress() as progress:
        report = run(request, progress)
    if as_json:
        print_json(report)
    else:
        print_report(report)
    if report.verdict != "ok":
        raise typer.Exit(Exit.BAD)


def _ledger() -> Path:
    from torghut.stack.document import running_document  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415

    home = Home.from_environment()
    document = running_document(home)
    return home.ledger if document is None or document.sim is None else Path(document.sim.ledger_dir)


def _history(since_ns: int | None, until_ns: int | None, settle_s: float) -> Truth:
    from torghut.audit.history import HistoryTruth  # noqa: PLC0415
    from torghut.config import AlpacaKeys, AlpacaSettings, Symbols, load  # noqa: PLC0415

    if since_ns is None:
        raise typer.BadParameter("history has no beginning: say from when on", param_hint="--since")
    horizon_ns = time.time_ns() - int(settle_s * NS_PER_S)
    end_ns = horizon_ns if until_ns is None else min(until_ns, horizon_ns)
    return HistoryTruth(load(AlpacaSettings), load(AlpacaKeys), load(Symbols).symbols, since_ns, end_ns)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on stderr that changes, when somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status("auditing") as status:
        yield status.update


def register(app: typer.Typer) -> None:
    """Put the command on the application."""
    app.command()(audit)
