"""flink-rollback: the job's former version again.

Commit the former tag (the one deployed before the present one, or a named one) with the newest state or a named
savepoint, bring it into force, and verify what runs: the version, the state it was restored from, checkpoints, output.
Started from an older savepoint the job computes again what it has published; what the topics hold is not written a
second time.
On any failure it goes back by itself to the deployment that was there.
"""

from __future__ import annotations

from dataclasses import dataclass

from torghut.ops.errors import PreconditionError
from torghut.ops.procedure import Basis, Case, Input, Request, Rollback
from torghut.ops.step import Step
from torghut.runbooks.deployment import LATEST, START_FROM, SUBMISSION, TAG, Deployments, options
from torghut.runbooks.ports import Ports


@dataclass(frozen=True)
class FlinkRollback:
    """The procedure on one target."""

    ports: Ports
    name: str = "flink-rollback"
    title: str = "The job's former version again"
    rollback: Rollback = Rollback.ON_FAILURE
    inputs: tuple[Input, ...] = (
        Input("tag", "the version to go back to; the former one when not given", default=""),
        Input("from", "latest: the newest checkpoint or savepoint; or the URI of a savepoint", default=LATEST),
    )

    def prepare(self, request: Request) -> Basis:
        """Look at the job, its versions and the named state; change nothing.

        Raises:
            PreconditionError: there is no such version or savepoint, or no former one.
        """
        deployments = Deployments(self.ports)
        _, present = deployments.present()
        tag = options(request, "tag") or next(iter(self.ports.job.former_versions()), "")
        if not tag:
            raise PreconditionError("no other version was deployed before this one: wanted tag=VERSION")
        deployments.check_version(tag)
        start_from = options(request, "from") or LATEST
        if start_from != LATEST and self.ports.job.written_ns(start_from) is None:
            raise PreconditionError(f"there is no complete savepoint or checkpoint at {start_from}")
        return Basis(
            facts={
                "old.tag": present[TAG],
                "old.submission": present[SUBMISSION],
                "old.start_from": present[START_FROM],
                "to": tag,
                "from": start_from,
            },
            assumed=("old.tag", "old.submission"),
            needs=(f"version {tag}", "the store of checkpoints"),
            interruption="no final bars and signals for the restart of the job, about a minute; none is lost",
            notes=() if start_from == LATEST else ("what came after the savepoint is computed again, not doubled",),
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """Deploy, and judge by what runs."""
        deployments, facts = Deployments(self.ports), case.facts
        old = {TAG: facts["old.tag"], SUBMISSION: facts["old.submission"], START_FROM: facts["old.start_from"]}
        new = {TAG: facts["to"], SUBMISSION: case.token("deploy"), START_FROM: facts["from"]}
        return (
            deployments.deploying(case, new, old),
            deployments.restored(case, new),
            deployments.checkpoints(new),
            deployments.output(new),
        )
