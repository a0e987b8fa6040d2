"""`torghut doctor`: what is wrong, by which evidence, and which procedure mends it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from torghut.cli.output import Exit, print_json
from torghut.cli.targets import HERE, Context, Namespace, Overlay, Repository, Target, choice, ports_of


def doctor(
    target: Target = "local",
    context: Context = None,
    namespace: Namespace = None,
    repository: Repository = HERE,
    overlay: Overlay = "prod",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Run every diagnosis, read-only. 0: all is well; 1: something is not, and the last line says what to run."""
    from torghut.runbooks.doctor import examine  # noqa: PLC0415 - keeps `--help` instant

    health = examine(ports_of(target, choice(context, namespace, repository, overlay)))
    if as_json:
        print_json(health)
    else:
        for remark in health.remarks:
            mark = f"! {remark.cause}: " if remark.cause else "  "
            sys.stdout.write(f"{remark.area:26}{mark}{remark.what}\n")
        run = f"run: torghut runbook plan {health.procedure}" if health.procedure else "nothing to run"
        sys.stdout.write("all is well\n" if health.well else f"{run}\n")
    if not health.well:
        raise typer.Exit(Exit.BAD)


def register(app: typer.Typer) -> None:
    """Put the command on the application."""
    app.command()(doctor)
