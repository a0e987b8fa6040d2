"""`torghut ta`: the Flink job of the running stack."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from torghut.cli.output import Exit, print_json

app = typer.Typer(
    help="The Flink job that makes bars and signals: submit a version, stop it, look at it.", no_args_is_help=True
)


@app.command()
def submit(
    tag: Annotated[
        str | None,
        typer.Option(
            help="Version to run; made of the present code if it is not installed.",
            show_default="named after the present code",
        ),
    ] = None,
    start_from: Annotated[
        str, typer.Option("--from", help="latest, savepoint (take one now and stop), none, or an s3a:// URI.")
    ] = "latest",
    parallelism: Annotated[int, typer.Option(envvar="TA_PARALLELISM", min=1, max=6, help="Slots.")] = 1,
    checkpoint_interval_ms: Annotated[
        int, typer.Option(envvar="CHECKPOINT_INTERVAL_MS", min=100, help="Milliseconds between checkpoints.")
    ] = 500,
) -> None:
    """Run a version of the job, and wait until it works. Starts MinIO and Flink if they are not there.

    A tag is an immutable copy of the job's code. Finals that are in the topics already are not written again,
    whatever state the job starts from.
    """
    from torghut.stack.home import Home  # noqa: PLC0415 - keeps `--help` instant
    from torghut.stack.start import follow  # noqa: PLC0415
    from torghut.stack.submission import submit as submit_job  # noqa: PLC0415

    def report(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    home = Home.from_environment()
    revision = submit_job(
        home,
        tag,
        start_from,
        parallelism=parallelism,
        checkpoint_interval_ms=checkpoint_interval_ms,
        report=report,
    )
    follow(home, revision, report)


@app.command()
def install(
    name: Annotated[str | None, typer.Argument(help="The tag.", show_default="named after the present code")] = None,
) -> None:
    """Make a version of the job of the present code, and deploy nothing. Prints its tag.

    `torghut runbook run flink-upgrade --set tag=TAG` deploys it, and goes back by itself if it does not work.
    """
    from torghut.job.tags import TagError  # noqa: PLC0415 - keeps `--help` instant
    from torghut.stack.components import PACKAGE  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.stack.submission import tags  # noqa: PLC0415

    try:
        sys.stdout.write(f"{tags(Home.from_environment()).install(name, PACKAGE).name}\n")
    except TagError as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
def stop() -> None:
    """Stop the job with a savepoint. `submit` goes on from it."""
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.stack.submission import take_savepoint  # noqa: PLC0415

    sys.stdout.write(f"{take_savepoint(Home.from_environment(), stop=True)}\n")


@app.command()
def savepoint() -> None:
    """Take a savepoint; the job goes on. Prints its URI."""
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.stack.submission import take_savepoint  # noqa: PLC0415

    sys.stdout.write(f"{take_savepoint(Home.from_environment(), stop=False)}\n")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """What the job says of itself. Exit code 0 when it runs and its checkpoints succeed, else 1."""
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.stack.submission import job_status  # noqa: PLC0415

    found = job_status(Home.from_environment())
    if as_json:
        print_json(found)
    else:
        lag = "-" if found.watermark_lag_ms is None else f"{found.watermark_lag_ms:.0f} ms"
        age = "-" if found.checkpoint.age_ms is None else f"{found.checkpoint.age_ms:.0f} ms"
        sys.stdout.write(
            f"{found.status}  version {found.version}  watermark lag {lag}  last checkpoint {age} ago  "
            f"in {found.records_in}  out {found.records_out}  late {found.late_records}\n"
        )
        if found.reason != "ok":
            sys.stdout.write(f"{found.reason}\n")
    if found.status != "RUNNING":
        raise typer.Exit(Exit.BAD)


@app.command("status-writer")
def status_writer() -> None:
    """Write the job's status to its topic every second (a part of the stack; configured by the environment)."""
    from torghut.config import KafkaSettings, load  # noqa: PLC0415
    from torghut.job.settings import JobSettings  # noqa: PLC0415
    from torghut.job.status_writer import StatusSettings, run  # noqa: PLC0415

    run(load(KafkaSettings), load(JobSettings), load(StatusSettings))
