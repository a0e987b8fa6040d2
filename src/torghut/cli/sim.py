"""`torghut sim`: run the stand-in for Alpaca, and order faults from a running one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="A stand-in for Alpaca: stream, history, faults, and a ledger of the truth.")


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Address of the stream and the history API.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the stream; 0 takes a free one.")] = 0,
    data_port: Annotated[int, typer.Option(help="Port of the history API; 0 takes a free one.")] = 0,
    control_port: Annotated[int, typer.Option(help="Port of the control API (loopback); 0 takes a free one.")] = 0,
    ledger_dir: Annotated[
        Path | None, typer.Option(help="Where the ledger goes. [default: $TORGHUT_HOME/data/sim-ledger]")
    ] = None,
    accounts_dir: Annotated[
        Path | None, typer.Option(help="Key files; made when absent. [default: $TORGHUT_HOME/secrets/sim]")
    ] = None,
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 2,
    feed: Annotated[str, typer.Option(help="`sim` for the synthetic market, or `replay:FILE` (NDJSON, .gz).")] = "sim",
    stock_feed: Annotated[str, typer.Option(help="The stock feed served: sip, iex or delayed_sip.")] = "sip",
    symbols: Annotated[str | None, typer.Option(help="Symbols of the synthetic market, A,B,BTC/USD.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic market and of random faults.")] = 1,
    rate: Annotated[float, typer.Option(min=0.1, help="Synthetic market: average messages a second.")] = 2000.0,
    speed: Annotated[str, typer.Option(help="Pace: a factor, or `max` for as fast as the readers take it.")] = "1",
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="Replay with the recorded event times, not moved to now.")
    ] = False,
    loop: Annotated[bool, typer.Option("--loop/--once", help="Replay again and again, or once.")] = False,
    start_at_once: Annotated[
        bool, typer.Option("--start-at-once", help="Replay without waiting for the first subscription.")
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM certificate: serve wss:// and https://.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM key of the certificate.")] = None,
    connection_limit: Annotated[int, typer.Option(min=1, help="Connections per account and endpoint.")] = 1,
    symbol_limit: Annotated[int | None, typer.Option(help="Symbols of trades and quotes per connection.")] = None,
    auth_timeout_s: Annotated[float, typer.Option(help="Seconds to authenticate before 404.")] = 10.0,
    frame_size: Annotated[int, typer.Option(min=1, help="Messages in one frame at most.")] = 20,
    slow_after_s: Annotated[float, typer.Option(help="Seconds without reading before 407.")] = 10.0,
    history_minutes: Annotated[float, typer.Option(help="History older than this is forgotten.")] = 60.0,
    history_events: Annotated[int, typer.Option(help="History keeps so many messages of a feed.")] = 2_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the endpoints as one JSON document.")] = False,
) -> None:
    """Run the simulator in the foreground until it is interrupted. Ready when it prints its endpoints."""
    if context.invoked_subcommand is not None:
        return
    from torghut.sim.options import settings_from  # noqa: PLC0415 - keeps `--help` instant
    from torghut.sim.run import run_until_signal  # noqa: PLC0415 - keeps `--help` instant

    settings = settings_from(
        feed=feed,
        speed=speed,
        symbols=symbols,
        ledger_dir=ledger_dir,
        accounts_dir=accounts_dir,
        host=host,
        port=port,
        data_port=data_port,
        control_port=control_port,
        accounts=accounts,
        stock_feed=stock_feed,
        seed=seed,
        rate=rate,
        keep_times=keep_times,
        loop=loop,
        start_at_once=start_at_once,
        tls_cert=tls_cert,
        tls_key=tls_key,
        connection_limit=connection_limit,
        symbol_limit=symbol_limit,
        auth_timeout_s=auth_timeout_s,
        frame_size=frame_size,
        slow_after_s=slow_after_s,
        history_minutes=history_minutes,
        history_events=history_events,
    )
    run_until_signal(settings, as_json=as_json)


@app.command()
def fault(
    name: Annotated[str, typer.Argument(help="Name of the fault, such as drop or connection-limit.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Its fields as NAME=VALUE (JSON values).")] = None,
    off: Annotated[bool, typer.Option("--off", help="End a standing fault.")] = False,
    url: Annotated[str | None, typer.Option(help="Control URL. [default: from stack.json]")] = None,
) -> None:
    """Order a fault from the running simulator: `torghut sim fault delay ms=500`, `torghut sim fault delay --off`."""
    from torghut.sim.control import SimControl  # noqa: PLC0415 - keeps `--help` instant
    from torghut.sim.options import control_url, fields_from  # noqa: PLC0415 - keeps `--help` instant

    with SimControl(url or control_url()) as control:
        if off:
            control.clear(name)
        else:
            control.fault(name, **fields_from(arguments or []))
    typer.echo(f"{name}: {'ended' if off else 'ordered'}")


@app.command()
def state(
    url: Annotated[str | None, typer.Option(help="Control URL. [default: from stack.json]")] = None,
) -> None:
    """The running simulator's connections, counts and faults, as one JSON document."""
    from torghut.cli import output  # noqa: PLC0415 - keeps `--help` instant
    from torghut.sim.control import SimControl  # noqa: PLC0415 - keeps `--help` instant
    from torghut.sim.options import control_url  # noqa: PLC0415 - keeps `--help` instant

    with SimControl(url or control_url()) as control:
        output.print_json(control.state())
