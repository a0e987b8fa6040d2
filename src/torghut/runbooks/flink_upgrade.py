"""flink-upgrade: another version of the job, without a missing or a doubled bar.

Take a savepoint (or, with `state=latest`, rely on the newest checkpoint); commit the new tag and the state to start
from, bring them into force. Verify what runs, not what was asked for: the processes have the new version, they were
restored from that state, checkpoints go on, and final bars and signals of the new version come out. The audit of the
run counts every bar across the switch.
On any failure it goes back by itself: the former deployment again, from its own newest checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import PreconditionError
from torghut.ops.procedure import Basis, Case, Input, Request, Rollback
from torghut.ops.step import Step
from torghut.runbooks.deployment import LATEST, START_FROM, SUBMISSION, TAG, Deployments, options, saving
from torghut.runbooks.ports import Ports

SAVEPOINT: Final = "savepoint"


@dataclass(frozen=True)
class FlinkUpgrade:
    """The procedure on one target."""

    ports: Ports
    name: str = "flink-upgrade"
    title: str = "Another version of the job"
    rollback: Rollback = Rollback.ON_FAILURE
    inputs: tuple[Input, ...] = (
        Input("tag", "the version to deploy"),
        Input("state", "savepoint: take one now; latest: the newest checkpoint", default=SAVEPOINT),
    )

    def prepare(self, request: Request) -> Basis:
        """Look at the job and at the versions; change nothing.

        Raises:
            PreconditionError: there is no such version, or the job is not in a state to be upgraded.
        """
        tag, state = options(request, "tag"), options(request, "state")
        if not tag or state not in {SAVEPOINT, LATEST}:
            raise PreconditionError(f"wanted tag=VERSION and state={SAVEPOINT} or {LATEST}, got {tag!r} and {state!r}")
        deployments = Deployments(self.ports)
        deployments.check_version(tag)
        health, present = deployments.present()
        if state == SAVEPOINT and not health.works:
            raise PreconditionError(
                f"the job does not work ({health.reason}), so it takes no savepoint: wanted state={LATEST}"
            )
        return Basis(
            facts={
                "old.tag": present[TAG],
                "old.submission": present[SUBMISSION],
                "old.start_from": present[START_FROM],
                "to": tag,
                "same": "yes" if health.works and health.version == present[TAG] == tag else "no",
            },
            assumed=("old.tag", "old.submission"),
            needs=(f"version {tag}", "the store of checkpoints"),
            interruption="no final bars and signals for the restart of the job, about a minute; none is lost",
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """Savepoint, deploy, and judge by what runs."""
        deployments, facts = Deployments(self.ports), case.facts
        old = {TAG: facts["old.tag"], SUBMISSION: facts["old.submission"], START_FROM: facts["old.start_from"]}
        if facts["same"] == "yes":
            return (
                deployments.deploying(case, old, old),
                deployments.checkpoints(old),
                deployments.output(old),
            )
        new = {TAG: facts["to"], SUBMISSION: case.token("deploy")}
        state = case.options.get("state", SAVEPOINT)
        if state == LATEST:
            new[START_FROM] = LATEST
        return (
            *(() if state == LATEST else (saving(self.ports.job, case),)),
            deployments.deploying(case, new, old),
            deployments.restored(case, new),
            deployments.checkpoints(new),
            deployments.output(new),
        )
