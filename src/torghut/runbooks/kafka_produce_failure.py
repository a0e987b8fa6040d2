"""kafka-produce-failure: the forwarder is not ready because it cannot write to Kafka.

Diagnose in order and name the cause: name and TCP, TLS, login, permissions, topics, disk and quota. Mend it where that
is safe; with approval where something is lost or decided by it. Then restart the forwarder if it does not come back by
itself, verify that it is healthy and that nothing is found any more. What was not written meanwhile is repaired from
history; the audit of the run proves it. It never rolls back: the state before was the failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import PreconditionError, UnavailableError
from torghut.ops.procedure import Basis, Case, Input, Request, Rollback
from torghut.ops.step import NOTHING_TO_UNDO, Seen, Step
from torghut.runbooks.kafka_diagnosis import BY_HAND, FIXES, ROLE, first_cause
from torghut.runbooks.kafka_ports import Cause, KafkaRepair
from torghut.runbooks.ports import Change, Ports

WORKLOAD: Final = "forwarder"
RECOVERS_ALONE_S: Final = 20
UNMUTED_S: Final = 120
"""After a quota: the broker reads a muted connection no earlier than it said, and a restart changes nothing of that."""

_NONE: Final = "none"
_APPROVALS: Final = {
    Cause.TOPIC_MISSING: "an empty topic is made: what the old one held stays lost to its readers",
    Cause.USER: "the user is made anew: somebody deleted it, perhaps on purpose",
    Cause.PASSWORD: "the broker's password becomes the Secret's: whoever set another one is locked out",
    Cause.QUOTA: "the quota is lifted: somebody set it, perhaps on purpose",
    Cause.CONNECT: "the broker is started: somebody stopped it, perhaps on purpose",
}

_REPAIRS: Final[dict[Cause, Callable[[KafkaRepair, Change], None]]] = {
    Cause.CONNECT: lambda repair, change: repair.start_broker(change),
    Cause.TLS_EXPIRED: lambda repair, change: repair.restore_certificate(change),
    Cause.TLS_WRONG_HOST: lambda repair, change: repair.restore_certificate(change),
    Cause.TLS: lambda repair, change: repair.restore_certificate(change),
    Cause.TLS_UNKNOWN_CA: lambda repair, change: repair.restore_truststore(change),
    Cause.COPY: lambda repair, change: repair.restore_secret(ROLE, change),
    Cause.PASSWORD: lambda repair, change: repair.restore_user(ROLE, change),
    Cause.USER: lambda repair, change: repair.restore_user(ROLE, change),
    Cause.ACL: lambda repair, change: repair.restore_permissions(ROLE, change),
    Cause.TOPIC_MISSING: lambda repair, change: repair.restore_topics(change),
    Cause.TOPIC_REPLICAS: lambda repair, change: repair.restore_topics(change),
    Cause.TOPIC_SIZE: lambda repair, change: repair.restore_topics(change),
    Cause.QUOTA: lambda repair, change: repair.lift_quota(ROLE, change),
}


@dataclass(frozen=True)
class KafkaProduceFailure:
    """The procedure on one target."""

    ports: Ports
    name: str = "kafka-produce-failure"
    title: str = "The forwarder cannot write to Kafka: find the cause, mend it"
    rollback: Rollback = Rollback.NEVER
    inputs: tuple[Input, ...] = ()

    def prepare(self, request: Request) -> Basis:  # noqa: ARG002 - it wants nothing
        """Diagnose.

        Raises:
            PreconditionError: the cause is not for a procedure to mend; the message says for whom.
        """
        try:
            found = first_cause(self.ports.kafka, deep=True)
        except UnavailableError as error:
            raise PreconditionError(f"no diagnosis: {error}; see the broker's log") from error
        if found is None:
            return Basis(facts={"cause": _NONE, "evidence": "every stretch of the way works"}, assumed=("cause",))
        if found.cause in BY_HAND:
            raise PreconditionError(f"{found.cause}: {found.evidence}; to mend: {FIXES[found.cause]}")
        if others := self.ports.kafka_repair.of_others(found.cause):
            raise PreconditionError(f"{found.cause}: {found.evidence}; to mend: {others}")
        return Basis(
            facts={"cause": found.cause.value, "evidence": found.evidence, "about": found.about},
            assumed=("cause",),
            needs=("an administrator of Kafka",),
            interruption="none beyond the failure; a restart of the forwarder if it does not come back by itself",
            notes=(f"cause: {found.cause.value} ({found.evidence})", f"to mend: {FIXES[found.cause]}"),
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """Mend, restart if needed, verify. Nothing to mend: only verify."""
        if case.facts["cause"] == _NONE:
            return (self._verifying(),)
        cause = Cause(case.facts["cause"])
        return (self._mending(case, cause), self._coming_back(cause), self._restarting(case), self._verifying())

    def _mending(self, case: Case, cause: Cause) -> Step:
        repair = self.ports.kafka_repair
        change = Change.of(case, f"mend {cause.value}: {FIXES[cause]}", case.token("mend"))

        def look() -> Seen:
            found = first_cause(self.ports.kafka, deep=cause is Cause.QUOTA)
            said = f"{found.cause.value}: {found.evidence}" if found else "every stretch of the way works"
            return Seen(found is None or found.cause is not cause, said)

        return Step(
            name="mend",
            does=FIXES[cause],
            check=look,
            act=lambda: _REPAIRS[cause](repair, change),
            undo=NOTHING_TO_UNDO,
            deadline_s=120,
            approval=_APPROVALS.get(cause, ""),
            diff=lambda: (f"~ {case.facts.get('about', '')}: {FIXES[cause]}",),
        )

    def _coming_back(self, cause: Cause) -> Step:
        """The forwarder tries again by itself; a restart would cost what history does not have (halts, bands)."""
        within = UNMUTED_S if cause is Cause.QUOTA else RECOVERS_ALONE_S
        return Step(
            name="come-back",
            does=f"see whether the forwarder comes back by itself within about {within} s",
            check=self._patiently(within),
            deadline_s=3 * within,
        )

    def _patiently(self, looks: int) -> Callable[[], Seen]:
        left = [looks]

        def look() -> Seen:
            ready, said = self._health()
            left[0] -= 1
            return Seen(ready or left[0] < 0, said if ready else f"{said}; it is restarted")

        return look

    def _restarting(self, case: Case) -> Step:
        token = case.token("restart")

        def look() -> Seen:
            ready, said = self._health()
            anew = all(instance.token == token for instance in self.ports.workloads.instances(WORKLOAD))
            return Seen(ready or anew, said)

        return Step(
            name="restart",
            does="restart the forwarder, if it is not ready",
            check=look,
            verify=lambda: Seen(*self._health()),
            act=lambda: self.ports.workloads.restart(WORKLOAD, Change.of(case, "restart after a Kafka failure", token)),
            undo=NOTHING_TO_UNDO,
            deadline_s=120,
        )

    def _verifying(self) -> Step:
        def look() -> Seen:
            ready, said = self._health()
            if not ready:
                return Seen(False, said)
            found = first_cause(self.ports.kafka, deep=False)
            if found is not None:
                return Seen(False, f"{found.cause.value}: {found.evidence}")
            healthy = [health for health in self.ports.status.forwarders() if health.status == "healthy"]
            return Seen(bool(healthy), f"{said}; the status topic says {healthy[0].status if healthy else 'nothing'}")

        return Step("verify", "ready, healthy on the status topic, and nothing found any more", look, deadline_s=180)

    def _health(self) -> tuple[bool, str]:
        instances = self.ports.workloads.instances(WORKLOAD)
        said = ", ".join(f"{instance.name}: {instance.reason}" for instance in instances) or "no instance"
        return bool(instances) and all(instance.ready for instance in instances), said
