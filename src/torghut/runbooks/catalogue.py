"""Every procedure by its name. To add one: write its file, and name it here."""

from __future__ import annotations

from torghut.ops.procedure import Procedure
from torghut.runbooks.alpaca_rotation import AlpacaRotation
from torghut.runbooks.ports import Ports

PROCEDURES: tuple[type[AlpacaRotation], ...] = (AlpacaRotation,)


def procedures(ports: Ports) -> dict[str, Procedure]:
    """All of them, on one target."""
    found: tuple[Procedure, ...] = tuple(make(ports) for make in PROCEDURES)
    return {procedure.name: procedure for procedure in found}
