"""kafka-rotation --ca: another authority behind the brokers' certificate.

Make it; let the clients trust the old one and the new one, and restart them; let the brokers show a certificate of the
new one; then, with approval, let the clients trust only the new one, restart them again, and verify fresh handshakes.
Every step leaves a state in which every client can connect; undone in reverse if one fails.
"""

from __future__ import annotations

from dataclasses import dataclass

from torghut.ops.errors import PreconditionError
from torghut.ops.procedure import Basis, Case
from torghut.ops.step import NOTHING_TO_UNDO, Seen, Step, Undo
from torghut.runbooks.ports import Change, Ports
from torghut.runbooks.workloads import runs_for

WORKLOADS = ("forwarder", "job")


@dataclass(frozen=True)
class AuthorityRotation:
    """The steps of kafka-rotation for the authority."""

    ports: Ports

    def prepare(self) -> Basis:
        """See which authority is served and trusted.

        Raises:
            PreconditionError: the truststore does not fit what is served.
        """
        authority = self.ports.kafka_authority
        old, trusted = authority.serving(), authority.trusted()
        if old not in trusted:
            raise PreconditionError(
                f"the clients trust {', '.join(trusted) or 'nothing'}, the brokers show {old}: kafka-produce-failure"
                " restores the truststore"
            )
        running = [name for name in WORKLOADS if self.ports.workloads.instances(name)]
        return Basis(
            facts={
                "ca": "yes",
                "old": old,
                "new": authority.following(old),
                "trusted": "+".join(trusted),
                "running": "+".join(running),
            },
            assumed=("old", "trusted"),
            needs=("an administrator of Kafka",),
            interruption="each client is restarted twice, some seconds each; gaps are repaired from history",
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """Make, trust both, restart, show, trust one, restart, verify."""
        old, new = case.facts["old"], case.facts["new"]
        running = tuple(name for name in case.facts["running"].split("+") if name)
        return (
            self._making(case, new),
            self._trusting(case, "trust-both", (old, new), back_to=(old,)),
            *(self._restarting(case, name, f"{old}+{new}", "both") for name in running),
            self._showing(case),
            self._trusting(case, "trust-new", (new,), back_to=(old, new), restarts=running),
            *(self._restarting(case, name, new, "new") for name in running),
            self._proving(case, running),
        )

    def _making(self, case: Case, new: str) -> Step:
        authority = self.ports.kafka_authority

        def look(*, there: bool) -> Seen:
            exists = authority.exists(new)
            return Seen(exists is there, f"authority {new} is {'' if exists else 'not '}there")

        change = Change.of(case, f"authority {new}", case.token("make-authority"))
        return Step(
            name="make-authority",
            does=f"make authority {new}",
            check=lambda: look(there=True),
            act=lambda: authority.make(new, change),
            undo=Undo("forget it", lambda: look(there=False), lambda: authority.remove(new, change)),
        )

    def _trusting(
        self, case: Case, name: str, wanted: tuple[str, ...], back_to: tuple[str, ...], restarts: tuple[str, ...] = ()
    ) -> Step:
        authority = self.ports.kafka_authority

        def look(generations: tuple[str, ...]) -> Seen:
            trusted = authority.trusted()
            return Seen(trusted == generations, f"trusted: {', '.join(trusted)}; wanted {', '.join(generations)}")

        def back() -> None:
            authority.trust(back_to, Change.of(case, "trust as before", case.token(f"undo.{name}")))
            for workload in restarts:
                self.ports.workloads.restart(
                    workload, Change.of(case, "restart to trust as before", case.token(f"undo.{name}"))
                )

        return Step(
            name=name,
            does=f"the clients' truststore holds {' and '.join(wanted)}",
            check=lambda: look(wanted),
            act=lambda: authority.trust(wanted, Change.of(case, f"trust {'+'.join(wanted)}", case.token(name))),
            undo=Undo("trust as before", lambda: look(back_to), back),
            approval="" if len(wanted) > 1 else f"clients that trust only authority {case.facts['old']} are locked out",
            diff=lambda: (f"- trusted: {', '.join(back_to)}", f"+ trusted: {', '.join(wanted)}"),
        )

    def _restarting(self, case: Case, workload: str, trusted: str, stage: str) -> Step:
        token = f"ca:{trusted}"
        return Step(
            name=f"restart.{workload}.{stage}",
            does=f"restart {workload}, so that it reads the truststore",
            check=lambda: runs_for(self.ports, workload, token),
            act=lambda: self.ports.workloads.restart(
                workload, Change.of(case, f"restart {workload} for {token}", token)
            ),
            undo=NOTHING_TO_UNDO,  # it trusts what the old state shows as well
            deadline_s=240,
            diff=lambda: (f"~ workload.{workload}: every instance anew",),
        )

    def _showing(self, case: Case) -> Step:
        authority, old, new = self.ports.kafka_authority, case.facts["old"], case.facts["new"]

        def look(generation: str) -> Seen:
            serving = authority.serving()
            return Seen(serving == generation, f"the brokers show authority {serving}, wanted {generation}")

        return Step(
            name="show-new",
            does=f"the brokers show a certificate of authority {new}",
            check=lambda: look(new),
            act=lambda: authority.serve(new, Change.of(case, f"show authority {new}", case.token("show-new"))),
            undo=Undo(
                f"show authority {old}",
                lambda: look(old),
                lambda: authority.serve(old, Change.of(case, f"show authority {old}", case.token("undo.show-new"))),
            ),
            deadline_s=180,
        )

    def _proving(self, case: Case, running: tuple[str, ...]) -> Step:
        def look() -> Seen:
            trouble = self.ports.kafka.certificate()
            seen = [runs_for(self.ports, workload, f"ca:{case.facts['new']}") for workload in running]
            said = "; ".join([*(found.evidence for found in trouble), *(each.what for each in seen)])
            return Seen(not trouble and all(each.holds for each in seen), said or "fresh handshakes work")

        return Step("verify", "fresh handshakes with the new authority alone, every client ready", look, deadline_s=180)
