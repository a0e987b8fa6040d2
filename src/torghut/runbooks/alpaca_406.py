"""alpaca-406: the feed refuses the forwarder because the account has its one connection already.

Find every forwarder of this account: instances of the workload, and strays (processes or pods that nobody declared).
Keep one, scale down the rest, end the strays, restart the one so that its own lingering connection is closed, and wait
out the server's release. Verify: healthy, subscribed, nothing refused since. When the feed still refuses after that, a
client outside of this system uses the keys, and only new keys lock it out: `alpaca-rotation`.
It never rolls back: more instances than one are what it takes away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import UnavailableError
from torghut.ops.procedure import Basis, Case, Input, Request, Rollback
from torghut.ops.step import NOTHING_TO_UNDO, Seen, Step
from torghut.runbooks.ports import Change, Ports

WORKLOAD: Final = "forwarder"
COUNT: Final = f"workload.{WORKLOAD}.count"
REFUSED: Final = ("alpaca_connection_limit",)
RELEASE: Final = "release_s"


@dataclass(frozen=True)
class Alpaca406:
    """The procedure on one target."""

    ports: Ports
    name: str = "alpaca-406"
    title: str = "The feed says: connection limit exceeded. Keep one forwarder, end the others"
    rollback: Rollback = Rollback.NEVER
    inputs: tuple[Input, ...] = (
        Input(RELEASE, "seconds to wait for the server to release ended connections", default="180"),
    )

    def prepare(self, request: Request) -> Basis:  # noqa: ARG002 - its input is only waited by
        """Count the forwarders; change nothing."""
        instances = self.ports.workloads.instances(WORKLOAD)
        strays = self.ports.workloads.strays(WORKLOAD)
        refused = [i.name for i in instances if i.reason in REFUSED]
        return Basis(
            facts={
                "instances": ", ".join(f"{i.name} ({i.reason})" for i in instances) or "none",
                "strays": ", ".join(strays) or "none",
                "count": self.ports.desired.live().get(COUNT, "1"),
            },
            assumed=("count", "strays"),
            interruption="the stream pauses until the server has released ended connections; repaired from history",
            notes=() if refused else ("no instance is refused now: a restart costs a short gap for nothing",),
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """One instance, no strays, a fresh connection, accepted."""
        return (self._scaling(case), self._ending(case), self._restarting(case), self._acceptance(case))

    def _scaling(self, case: Case) -> Step:
        desired = self.ports.desired

        def look() -> Seen:
            wanted = desired.live().get(COUNT, "1")
            running = self.ports.workloads.instances(WORKLOAD)
            return Seen(wanted == "1" and len(running) == 1, f"{wanted} wanted, {len(running)} running")

        return Step(
            name="keep-one",
            does="keep one instance, scale down the rest",
            check=look,
            act=lambda: desired.apply({COUNT: "1"}, Change.of(case, "one forwarder", case.token("keep-one"))),
            undo=NOTHING_TO_UNDO,
            diff=lambda: (f"- {COUNT}: {case.facts['count']}", f"+ {COUNT}: 1"),
        )

    def _ending(self, case: Case) -> Step:
        workloads = self.ports.workloads

        def look() -> Seen:
            strays = workloads.strays(WORKLOAD)
            return Seen(not strays, f"strays: {', '.join(strays) or 'none'}")

        return Step(
            name="end-strays",
            does="end the forwarders that nobody declared",
            check=look,
            act=lambda: workloads.end_strays(
                WORKLOAD, Change.of(case, "end stray forwarders", case.token("end-strays"))
            ),
            approval=f"these are ended: {case.facts['strays']}",
            diff=lambda: tuple(f"- {stray}" for stray in workloads.strays(WORKLOAD)),
        )

    def _restarting(self, case: Case) -> Step:
        token = case.token("restart")

        def look() -> Seen:
            instances = self.ports.workloads.instances(WORKLOAD)
            said = ", ".join(f"{i.name}: {i.reason}" for i in instances)
            return Seen(bool(instances) and all(i.token == token and i.since_ns > 0 for i in instances), said)

        return Step(
            name="restart",
            does="restart the one that is left, so that its lingering connection is closed",
            check=look,
            act=lambda: self.ports.workloads.restart(
                WORKLOAD, Change.of(case, "a fresh connection", case.token("restart"))
            ),
            undo=NOTHING_TO_UNDO,
            deadline_s=60,
            diff=lambda: (f"~ workload.{WORKLOAD}: anew",),
        )

    def _acceptance(self, case: Case) -> Step:
        release_s = float(case.options.get(RELEASE, "180"))

        def look() -> Seen:
            (instance, *others) = self.ports.workloads.instances(WORKLOAD) or (None,)
            if instance is None:
                raise UnavailableError(f"no instance of {WORKLOAD} runs")
            if instance.reason in REFUSED:
                return Seen(
                    False,
                    "the feed still refuses: a client outside of this system uses these keys; lock it out with"
                    " `torghut runbook run alpaca-rotation`",
                )
            active = [h for h in self.ports.status.forwarders() if h.role == "active" and h.ts >= instance.since_ns]
            healthy = any(health.status == "healthy" for health in active)
            return Seen(instance.ready and healthy and not others, f"{instance.name}: {instance.reason}")

        return Step(
            name="verify",
            does="wait out the server's release; healthy and subscribed",
            check=look,
            deadline_s=release_s,
        )
