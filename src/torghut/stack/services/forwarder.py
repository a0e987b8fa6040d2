"""The forwarder, and its standbys: `forwarder`, `forwarder-2`, ... share one account and one lease."""

from __future__ import annotations

from pathlib import Path

from torghut.platform.files import make_private_directory
from torghut.platform.ports import LOOPBACK
from torghut.stack.context import Context, torghut
from torghut.stack.desired import Settings
from torghut.stack.document import ForwarderEndpoint
from torghut.stack.feeds import alpaca_feed
from torghut.stack.home import Home
from torghut.stack.service import HttpProbe, Service
from torghut.stack.services import kafka, sim


def services(context: Context, count: int) -> tuple[Service, ...]:
    """`count` instances."""
    return tuple(_instance(context, "forwarder" if n == 1 else f"forwarder-{n}") for n in range(1, count + 1))


def _ports(name: str) -> tuple[str, str]:
    return f"{name}.health", f"{name}.metrics"


def _instance(context: Context, name: str) -> Service:
    health, metrics = (context.ports.port(port) for port in _ports(name))
    settings, home = context.settings, context.home
    environment = {
        **kafka.client_environment(kafka.endpoint(context), "forwarder", settings.topic_prefix),
        **_source(context),
        "ALPACA_FEED": alpaca_feed(settings),
        "SYMBOLS_FILE": str(home.symbols),
        "HEALTH_PORT": str(health),
        "METRICS_PORT": str(metrics),
        "LEASE_FILE": str(home.data / "forwarder.lease"),
        "INSTANCE": name,
    }
    if settings.channels:
        environment["CHANNELS"] = ",".join(settings.channels)
    return Service(
        name=name,
        command=torghut("forwarder"),
        environment=environment,
        probe=HttpProbe(f"http://{LOOPBACK}:{health}/readyz", also_ready=("standby",)),
        depends_on=("kafka", "provision", "sim"),
        ports=context.named_ports(*_ports(name)),
        grace_s=12.0,
        prepare=lambda: _link_simulated_keys(context),
    )


def key_files(home: Home, settings: Settings) -> tuple[Path, Path]:
    """The files from which the forwarders read Alpaca's key id and secret key."""
    if settings.is_simulated:
        return home.secrets / "alpaca" / "key_id", home.secrets / "alpaca" / "secret_key"
    return Path(settings.key_id_file or ""), Path(settings.secret_key_file or "")


def _link_simulated_keys(context: Context) -> None:
    """Until somebody gives the forwarder keys of its own, it follows those of the simulator's first account."""
    if not context.settings.is_simulated:
        return
    account = sim.account(context.home, 0)
    for link, target in zip(
        key_files(context.home, context.settings), (account.key_id_file, account.secret_key_file), strict=True
    ):
        if not link.exists():
            make_private_directory(link.parent)
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def _source(context: Context) -> dict[str, str]:
    """Where the data comes from, and the files with the keys for it."""
    key_id, secret_key = key_files(context.home, context.settings)
    keys = {"ALPACA_KEY_ID_FILE": str(key_id), "ALPACA_SECRET_KEY_FILE": str(secret_key)}
    if not context.settings.is_simulated:
        return keys
    source = sim.endpoint(context)
    return {
        **keys,
        "ALPACA_STREAM_URL": source.stream_url,
        "ALPACA_DATA_URL": source.data_url,
        "MARKET_CALENDAR": "always",
    }


def endpoint(context: Context, name: str) -> ForwarderEndpoint:
    """An instance's HTTP side."""
    health, metrics = (context.ports.port(port) for port in _ports(name))
    return ForwarderEndpoint(f"http://{LOOPBACK}:{health}", f"http://{LOOPBACK}:{metrics}")
