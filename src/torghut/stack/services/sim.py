"""The Alpaca-compatible simulator; only there when the feed is simulated or replayed."""

from __future__ import annotations

from pathlib import Path

from torghut.platform.ports import LOOPBACK
from torghut.stack.context import Context, torghut
from torghut.stack.document import SimAccount, SimEndpoint
from torghut.stack.home import Home
from torghut.stack.service import HttpProbe, Service

PORTS = ("sim.stream", "sim.data", "sim.control")
ACCOUNTS = 2


def services(context: Context) -> tuple[Service, ...]:
    """The simulator, if it is the source."""
    settings = context.settings
    if not settings.is_simulated:
        return ()
    port, data, control = (context.ports.port(name) for name in PORTS)
    options = {
        "--port": str(port),
        "--data-port": str(data),
        "--control-port": str(control),
        "--ledger-dir": str(context.home.ledger),
        "--accounts-dir": str(_accounts(context.home)),
        "--accounts": str(ACCOUNTS),
        "--feed": settings.feed,
        "--symbols": "" if "*" in settings.symbols else ",".join(settings.symbols),
        "--seed": "" if settings.seed is None else str(settings.seed),
        "--rate": "" if settings.rate is None else f"{settings.rate:g}",
        "--speed": settings.speed if settings.replay_file else "",
    }
    given = [part for option, value in options.items() if value for part in (option, value)]
    flags = [flag for flag, on in (("--keep-times", settings.keep_times), ("--loop", settings.loop)) if on]
    sim = Service(
        name="sim",
        command=torghut("sim", *given, *flags),
        environment={},
        probe=HttpProbe(f"http://{LOOPBACK}:{control}/control/health"),
        ports=context.named_ports(*PORTS),
    )
    return (sim,)


def _accounts(home: Home) -> Path:
    return home.secrets / "sim"


def account(home: Home, number: int) -> SimAccount:
    """The files with the key pair of an account of the simulator."""
    return SimAccount(
        key_id_file=str(_accounts(home) / f"account-{number}.key_id"),
        secret_key_file=str(_accounts(home) / f"account-{number}.secret_key"),
    )


def endpoint(context: Context) -> SimEndpoint:
    """Where the simulator is reached."""
    port, data, control = (context.ports.port(name) for name in PORTS)
    return SimEndpoint(
        stream_url=f"ws://{LOOPBACK}:{port}",
        data_url=f"http://{LOOPBACK}:{data}",
        control_url=f"http://{LOOPBACK}:{control}",
        ledger_dir=str(context.home.ledger),
        accounts=tuple(account(context.home, number) for number in range(ACCOUNTS)),
    )
