"""`torghut drill`: break the running stack on purpose, and prove that its procedures mend it."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Literal

import typer

from torghut.cli.output import Exit, print_json
from torghut.cli.stack import reporter


def drill(
    name: Annotated[str, typer.Argument(help="A procedure, procedure/cause, `all`, or `list`.")],
    *,
    load: Annotated[float, typer.Option(min=1, help="Messages a second.")] = 2000.0,
    target: Annotated[Literal["local", "kubernetes"], typer.Option(help="Where to play.")] = "local",
    resume: Annotated[
        bool, typer.Option("--resume", help="Play only what is not ok in the newest table of this load.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Create a condition under load, wait until it is detected, run the procedure, count every record.

    Plays on the running stack, or starts one for the time of the drills. Each drill leaves the stack as it found it.
    0: every drill ended well, with nothing lost and nothing doubled; 1: one did not; 2: none was played.
    """
    from torghut.drills.catalogue import DRILLS, select  # noqa: PLC0415 - keeps `--help` instant
    from torghut.drills.drill import title  # noqa: PLC0415
    from torghut.drills.errors import DrillError  # noqa: PLC0415
    from torghut.drills.run import run  # noqa: PLC0415
    from torghut.drills.table import markdown  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415

    if name == "list":
        sys.stdout.writelines(f"{title(known)}\n" for known in DRILLS)
        return
    chosen = select(name)
    if not chosen or target != "local":
        raise typer.BadParameter(f"no drill {name} on {target}; see `torghut drill list`")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends a drill wants the stack back as it was
    try:
        document = run(Home.from_environment(), chosen, load, reporter(), resume=resume)
    except DrillError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(Exit.WRONG_USE) from error
    if as_json:
        print_json(document)
    else:
        sys.stdout.write(markdown(document))
    if not document.ok:
        raise typer.Exit(Exit.BAD)


def register(app: typer.Typer) -> None:
    """Put the command on the application."""
    app.command()(drill)
