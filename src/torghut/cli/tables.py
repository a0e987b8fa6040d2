"""Tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from torghut.stack.status import StackStatus


def print_status(status: StackStatus) -> None:
    """The processes of the stack, one a line."""
    table = Table(title=f"feed {status.feed}: {'ready' if status.ready else 'not ready'}", title_justify="left")
    for column in ("process", "pid", "state", "ready", "reason"):
        table.add_column(column)
    for process in status.processes:
        ready = "[green]yes" if process.ready else "[red]no"
        table.add_row(process.name, str(process.pid or "-"), process.state, ready, process.reason)
    console = Console()
    console.print(table)
    if status.console is not None:
        console.print(f"console {status.console.url}")
    console.print(f"Kafka {status.endpoints.kafka.bootstrap_servers} (CA {status.endpoints.kafka.ca_file})")
