"""lag-spike: signals are late. Say why, then act on that and on nothing else.

Read the figures of every stretch from the feed to the final record and name the cause. A late feed is its owner's to
mend; a muted socket is reconnected (restart of the forwarder); a slow broker is restarted; a job that does not keep up
gets twice the slots; a silent topic is waited for no longer than the watermark's bound; a bound that out-of-order data
exceed is raised to what they need. Each act needs approval; the job is changed through a savepoint. Verify that the
lag fell and stayed down: several readings in a row find nothing late.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from torghut.ops.errors import PreconditionError
from torghut.ops.procedure import Basis, Case, Input, Request, Rollback
from torghut.ops.step import NOTHING_TO_UNDO, Seen, Step
from torghut.runbooks.deployment import START_FROM, SUBMISSION, TAG, Deployments, saving
from torghut.runbooks.lag_diagnosis import Cause, Diagnosis, diagnose
from torghut.runbooks.lag_ports import LagMeter, LagReading
from torghut.runbooks.ports import Change, Ports

PARALLELISM: Final = "job.parallelism"
IDLE: Final = "job.setting.TA_IDLE_TIMEOUT_MS"
WATERMARK: Final = "job.setting.TA_WATERMARK_MS"
STAYS_DOWN: Final = 3
"""So many readings in a row, of several seconds each."""
_SETTLE_S: Final = 300.0
"""A job that was too slow has to catch up first."""
_NONE: Final = "none"
_TRIES: Final = 4
_LEAST_IDLE_MS: Final = 1000
_MOST_BOUND_MS: Final = 60_000

BY_HAND: Final[Mapping[Cause, str]] = {
    Cause.FEED: "the source itself is late: see Alpaca's status page; nothing here makes it faster",
    Cause.FEED_DOWN: "the forwarder has another problem: `torghut doctor` names the procedure",
    Cause.JOB_DOWN: "the job does not work: `torghut ta status`, flink-rollback if a new version is the reason",
}
"""What this procedure does not mend, and who does."""
_RESTARTS: Final[Mapping[Cause, tuple[str, str]]] = {
    Cause.MUTED: ("forwarder", "the forwarder is restarted: the stream pauses for some seconds, repaired from history"),
    Cause.BROKER: ("kafka", "the broker is restarted: every client reconnects, nothing is written meanwhile"),
}


def confirmed(meter: LagMeter) -> tuple[LagReading, Diagnosis]:
    """A diagnosis that two readings in a row agree on: while a cause begins or ends, one may look like another.

    Raises:
        PreconditionError: they never agree.
    """
    before = diagnose(meter.read())
    for _ in range(_TRIES):
        reading = meter.read()
        found = diagnose(reading)
        if found.cause is before.cause:
            return reading, found
        before = found
    raise PreconditionError(f"the figures change from one reading to the next (last: {before.said}): try again")


@dataclass(frozen=True)
class LagSpike:
    """The procedure on one target."""

    ports: Ports
    name: str = "lag-spike"
    title: str = "Signals are late: find the cause, act on it"
    rollback: Rollback = Rollback.ASK
    inputs: tuple[Input, ...] = ()

    def prepare(self, request: Request) -> Basis:  # noqa: ARG002 - it wants nothing
        """Diagnose.

        Raises:
            PreconditionError: the cause is not for this procedure to mend; the message says for whom.
        """
        reading, found = confirmed(self.ports.lag)
        if found.cause is None:
            return Basis(facts={"cause": _NONE, "evidence": found.said}, assumed=("cause",))
        if found.cause in BY_HAND:
            raise PreconditionError(f"{found.said}; {BY_HAND[found.cause]}")
        return Basis(
            facts={"cause": found.cause.value, "evidence": "; ".join(found.evidence), **self._change(found, reading)},
            assumed=("cause",),
            interruption="no final bars and signals for the restart of what is changed; none is lost",
            notes=(found.said,),
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """Act on the cause, and see that the lag falls and stays down."""
        if case.facts["cause"] == _NONE:
            return (self._verifying(),)
        cause = Cause(case.facts["cause"])
        acts = (self._restarting(case, *_RESTARTS[cause]),) if cause in _RESTARTS else self._deploying(case, cause)
        return (*acts, self._verifying())

    def _change(self, found: Diagnosis, reading: LagReading) -> dict[str, str]:
        """What is to be set, and the deployment that it replaces; nothing for what is only restarted."""
        if found.cause in _RESTARTS:
            return {}
        _, present = Deployments(self.ports).present()
        name, value = _setting(found.cause, reading)
        return {
            "set": name,
            "to": value,
            "old.value": present.get(name, ""),
            "old.tag": present[TAG],
            "old.submission": present[SUBMISSION],
            "old.start_from": present[START_FROM],
        }

    def _restarting(self, case: Case, workload: str, approval: str) -> Step:
        workloads, token = self.ports.workloads, case.token("restart")

        def look() -> Seen:
            instances = workloads.instances(workload)
            said = ", ".join(f"{instance.name}: {instance.reason}" for instance in instances) or "not running"
            return Seen(bool(instances) and all(i.token == token and i.ready for i in instances), said)

        return Step(
            name="restart",
            does=f"restart: {workload}",
            check=look,
            act=lambda: workloads.restart(workload, Change.of(case, f"restart for {case.facts['cause']}", token)),
            undo=NOTHING_TO_UNDO,
            deadline_s=180,
            approval=f"{case.facts['evidence']}. {approval}",
            diff=lambda: (f"~ workload.{workload}: every instance anew",),
        )

    def _deploying(self, case: Case, cause: Cause) -> tuple[Step, ...]:
        deployments, facts = Deployments(self.ports), case.facts
        tag, name = facts["old.tag"], facts["set"]
        old = {TAG: tag, SUBMISSION: facts["old.submission"], START_FROM: facts["old.start_from"]}
        new = {TAG: tag, SUBMISSION: case.token("deploy"), name: facts["to"]}
        deploying = deployments.deploying(case, new, {**old, name: facts["old.value"]})
        approval = f"{cause}: {facts['evidence']}. The job is restarted with {name} = {facts['to']}"
        return (
            saving(self.ports.job, case),
            replace(deploying, approval=approval),
            deployments.restored(case, new),
            deployments.checkpoints(new),
        )

    def _verifying(self) -> Step:
        return Step(
            name="verify",
            does=f"the lag fell and stays down: {STAYS_DOWN} readings in a row find nothing late",
            check=self._in_a_row(STAYS_DOWN),
            deadline_s=_SETTLE_S,
        )

    def _in_a_row(self, wanted: int) -> Callable[[], Seen]:
        well = [0]

        def look() -> Seen:
            found = diagnose(self.ports.lag.read())
            well[0] = 0 if found.cause else well[0] + 1
            return Seen(well[0] >= wanted, f"{found.said} ({well[0]} readings in a row)")

        return look


def _setting(cause: Cause | None, reading: LagReading) -> tuple[str, str]:
    """Which setting of the job mends the cause.

    Raises:
        PreconditionError: it is at its end already.
    """
    job = reading.job
    if cause is Cause.JOB:
        if job.parallelism >= len(job.partitions):
            raise PreconditionError(f"every one of the {job.parallelism} partitions has a slot: a faster machine helps")
        return PARALLELISM, str(min(2 * job.parallelism, len(job.partitions)))
    if cause is Cause.IDLE:
        if job.idle_ms <= max(_LEAST_IDLE_MS, job.bound_ms):
            raise PreconditionError(f"a silent topic is waited for {job.idle_ms} ms only: waiting less gains nothing")
        return IDLE, str(max(_LEAST_IDLE_MS, job.bound_ms))
    needed = math.ceil(job.disorder_ms * 1.2 / 500) * 500
    if needed > _MOST_BOUND_MS or needed <= job.bound_ms:
        raise PreconditionError(
            f"the bound is {job.bound_ms} ms, the data need {needed} ms: above what the job takes, or not more"
        )
    return WATERMARK, str(needed)
