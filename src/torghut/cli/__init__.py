"""The `torghut` command. Each module here declares commands, parses and prints; it decides nothing.

Imports of the rooms happen inside the commands, so that `torghut --help` is instant.
"""

from __future__ import annotations

import typer

from torghut.cli import audit, bench, console, demo, doctor, drill, forwarder, output, runbook, sim, stack, ta, tail

app = typer.Typer(
    name="torghut",
    help="Alpaca market data into Kafka and trading signals, exactly once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(sim.app, name="sim")
app.add_typer(ta.app, name="ta")
app.add_typer(bench.app, name="bench")
app.add_typer(runbook.app, name="runbook")
stack.register(app)
audit.register(app)
tail.register(app)
drill.register(app)
doctor.register(app)
app.command()(forwarder.forwarder)
app.command()(console.console)
app.command()(demo.setup)
app.command()(demo.demo)


def main() -> None:
    """Entry point: known errors become one sentence on stderr and the contract's exit code."""
    with output.errors_as_sentences():
        app()
