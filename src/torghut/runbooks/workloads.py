"""What several procedures ask of a workload."""

from __future__ import annotations

from torghut.ops.errors import UnavailableError
from torghut.ops.step import Seen
from torghut.runbooks.ports import Ports


def runs_for(ports: Ports, workload: str, token: str, *, but_not: str = "") -> Seen:
    """Every instance is ready and was restarted for `token`.

    With `but_not` it is enough that none of them was restarted for that: what an undo asks, which need not restart
    what was never touched.
    """
    instances = ports.workloads.instances(workload)
    if not instances:
        raise UnavailableError(f"no instance of {workload} runs")
    said = ", ".join(f"{i.name}: {i.reason}, started for {i.token or 'nothing special'}" for i in instances)
    fits = all(i.token != but_not if but_not else i.token == token for i in instances)
    return Seen(fits and all(i.ready for i in instances), said)
