"""`torghut up`, `down`, `status`, `setup`, `demo`: the local stack."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from torghut.cli.output import Exit, print_json


def reporter(*, quiet: bool = False) -> Callable[[str], None]:
    """Progress on stderr, each line with the seconds since the start."""
    begun = time.monotonic()

    def report(line: str) -> None:
        if not quiet:
            sys.stderr.write(f"{time.monotonic() - begun:6.1f} s  {line}\n")
            sys.stderr.flush()

    return report


def up(  # noqa: PLR0917 - typer declares options as parameters
    feed: Annotated[
        str | None,
        typer.Option(help="sim (default), replay:FILE, iex, sip, delayed_sip, test or crypto.", show_default=False),
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B or *; by default what fits the feed.")] = None,
    speed: Annotated[str | None, typer.Option(help="Replay: N times as fast, or max.")] = None,
    keep_times: Annotated[
        bool | None, typer.Option("--keep-times", help="Replay: keep the recorded event times.")
    ] = None,
    loop: Annotated[bool | None, typer.Option("--loop", help="Replay: again and again.")] = None,
    rate: Annotated[float | None, typer.Option(help="Sim: messages a second.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sim: another market.")] = None,
    topic_prefix: Annotated[str | None, typer.Option(envvar="TOPIC_PREFIX", help="Before every topic name.")] = None,
    channels: Annotated[str | None, typer.Option(envvar="CHANNELS", help="trades,quotes,bars,...")] = None,
    only: Annotated[str | None, typer.Option(help="Only these services, for example kafka.")] = None,
    port: Annotated[
        list[str] | None, typer.Option(help="Fix a port: NAME=PORT, for example kafka.clients=9093.")
    ] = None,
    with_metrics: Annotated[
        bool | None, typer.Option("--with-metrics", help="Also a Prometheus with the alert rules (Debian's package).")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Forget what this stack was told before.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")] = False,
) -> None:
    """Start the whole stack: Kafka, the feed, the forwarder. Run again, it changes nothing or what you ask for.

    What it was told stays so, also after `torghut down` or a restart of the machine; a submitted job goes on.
    Without --detach it stays in the foreground, and Ctrl-C stops everything.
    """
    from torghut.stack import start  # noqa: PLC0415 - keeps `--help` instant
    from torghut.stack.foreground import stay  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415

    wish = start.Wish(
        feed=feed,
        symbols=_names(symbols),
        channels=_names(channels),
        speed=speed,
        keep_times=keep_times,
        topic_prefix=topic_prefix,
        rate=rate,
        seed=seed,
        loop=loop,
        only=_names(only),
        ports=_ports(port),
        with_metrics=with_metrics,
        anew=anew,
    )
    home, report = Home.from_environment(), reporter()
    if detach:
        document = start.up(home, wish, report)
        report(f"the stack is ready: {home.document}")
        if document.console is not None:
            report(f"the console: {document.console.url}")
        if document.prometheus is not None:
            report(f"Prometheus: {document.prometheus.url}")
    else:
        stay(home, wish, report)


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _ports(pairs: list[str] | None) -> dict[str, int] | None:
    if not pairs:
        return None
    split = [pair.partition("=") for pair in pairs]
    if any(not number.isdigit() for _, _, number in split):
        raise typer.BadParameter("wanted NAME=PORT, for example kafka.clients=9093", param_hint="--port")
    return {name: int(number) for name, _, number in split}


def down() -> None:
    """Stop everything. No process is left; data, logs and secrets stay."""
    from torghut.stack import start  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415

    report = reporter()
    report("everything is stopped" if start.down(Home.from_environment(), report) else "nothing was running")


def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """What runs and whether it is ready. Exit code 0 when ready, 1 when not, 2 without a stack."""
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.stack.status import look  # noqa: PLC0415

    found = look(Home.from_environment())
    if as_json:
        print_json(found)
    else:
        from torghut.cli.tables import print_status  # noqa: PLC0415

        print_status(found)
    if not found.ready:
        raise typer.Exit(Exit.BAD)


def register(app: typer.Typer) -> None:
    """Put the commands on the application."""
    for command in (up, down, status):
        app.command()(command)
