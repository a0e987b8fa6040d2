"""The console: the web page that shows what runs, as the read-only user."""

from __future__ import annotations

from torghut.platform.ports import LOOPBACK
from torghut.stack.context import Context, torghut
from torghut.stack.document import ConsoleEndpoint
from torghut.stack.service import HttpProbe, Service
from torghut.stack.services import kafka

PORTS = ("console.http",)


def services(context: Context) -> tuple[Service, ...]:
    """The page's server."""
    (port,) = (context.ports.port(name) for name in PORTS)
    console = Service(
        name="console",
        command=torghut("console"),
        environment={
            **kafka.client_environment(kafka.endpoint(context), "audit", context.settings.topic_prefix),
            "TORGHUT_HOME": str(context.home.root),
            "CONSOLE_PORT": str(port),
        },
        probe=HttpProbe(f"http://{LOOPBACK}:{port}/readyz"),
        depends_on=("kafka", "provision"),
        ports=context.named_ports(*PORTS),
        grace_s=5.0,
    )
    return (console,)


def endpoint(context: Context) -> ConsoleEndpoint:
    """Where the page is."""
    return ConsoleEndpoint(f"http://{LOOPBACK}:{context.ports.port('console.http')}/")
