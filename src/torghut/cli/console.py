"""`torghut console`: the web page."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer


def console(
    host: Annotated[
        str | None, typer.Option(envvar="CONSOLE_HOST", help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(envvar="CONSOLE_PORT", help="TCP port.", show_default="8088")] = None,
    topic_prefix: Annotated[
        str | None, typer.Option(envvar="TOPIC_PREFIX", help="Before every topic name.", show_default="the stack's")
    ] = None,
) -> None:
    """Serve the page: the chart, the health of every part, the procedures. It only reads.

    `torghut up` runs one already; `torghut status` says where. This one reads the stack of $TORGHUT_HOME, or the
    Kafka that KAFKA_BOOTSTRAP_SERVERS and its companions name. Prints its URL; ends with Ctrl-C.
    """
    from torghut.cli.connection import kafka_settings  # noqa: PLC0415 - keeps `--help` instant
    from torghut.config import load  # noqa: PLC0415
    from torghut.console.serve import run  # noqa: PLC0415
    from torghut.console.settings import ConsoleSettings  # noqa: PLC0415
    from torghut.stack.home import Home  # noqa: PLC0415

    given = {"CONSOLE_HOST": host, "CONSOLE_PORT": None if port is None else str(port)}
    settings = load(ConsoleSettings, {**os.environ, **{name: value for name, value in given.items() if value}})
    asyncio.run(run(settings, kafka_settings(topic_prefix), Home.from_environment(), _say))


def _say(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
