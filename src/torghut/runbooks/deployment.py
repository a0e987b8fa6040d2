"""Another deployment of the job: the steps that upgrade, rollback and scaling share.

A deployment is a set of values of the desired state under a name of its own (`job_ports`). It is put in force, and
judged by what runs: the version of the processes, the state that they were restored from, checkpoints, output. Its way
back names the former deployment again, which goes on from its own newest checkpoint; finals that were written meanwhile
are not written a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import DriftError, PreconditionError, RefusedError
from torghut.ops.procedure import Case, Request
from torghut.ops.step import NOTHING_TO_UNDO, Seen, Step, Undo
from torghut.runbooks.job_ports import FlinkJob, JobHealth
from torghut.runbooks.ports import Change, Ports

TAG: Final = "job.tag"
START_FROM: Final = "job.start_from"
SUBMISSION: Final = "job.submission"
LATEST: Final = "latest"
START_S: Final = 300.0
"""A JVM with PyFlink starts in half a minute on an idle machine."""
OUTPUT_S: Final = 90.0
"""After a start the job catches up, and a second is closed when its watermark has passed."""
_HOPELESS: Final = 3
"""So many failures without working in between: waiting longer does not help."""


@dataclass(frozen=True)
class Deployments:
    """Deploys on one target."""

    ports: Ports

    def present(self) -> tuple[JobHealth, dict[str, str]]:
        """The job that runs, and the values of its deployment.

        Raises:
            DriftError: the values in force are not the committed ones.
            PreconditionError: no job was deployed.
        """
        if drift := [what for what in self.ports.desired.drift() if what.startswith("job.")]:
            raise DriftError(f"{'; '.join(drift)}: put it back or commit it, then plan again")
        values = {name: value for name, value in self.ports.desired.live().items() if name.startswith("job.")}
        if TAG not in values:
            raise PreconditionError("no job is deployed: submit one first")
        return self.ports.job.health(), values

    def check_version(self, tag: str) -> None:
        """See that a version can be deployed.

        Raises:
            PreconditionError: there is no such tag.
        """
        versions = self.ports.job.versions()
        if versions is not None and tag not in versions:
            raise PreconditionError(f"there is no version {tag!r}: wanted one of {', '.join(versions)}")

    # Steps

    def deploying(self, case: Case, new: Mapping[str, str], old: Mapping[str, str]) -> Step:
        """Put `new` in force instead of `old`. START_FROM may be left out of `new`: then it is the fact `savepoint`."""
        desired = self.ports.desired

        def wanted() -> dict[str, str]:
            return {**new, START_FROM: new.get(START_FROM) or case.facts.get("savepoint", "")}

        def deploy() -> None:
            desired.apply(wanted(), Change.of(case, f"deploy {_named(new)}", new[SUBMISSION]))

        def deployed() -> Seen:
            return self._deployed(wanted()) or self._works(new)

        def back() -> None:
            desired.apply(old, Change.of(case, f"back to {_named(old)}", old[SUBMISSION]))

        return Step(
            name="deploy",
            does=f"deploy {_named(new)}: commit, bring it into force, wait until it works",
            check=deployed,
            act=deploy,
            undo=Undo(
                f"{_named(old)} again, from its own newest checkpoint",
                lambda: self._deployed(old) or self._works(old, last=False),
                back,
                deadline_s=START_S,
            ),
            deadline_s=START_S,
            diff=lambda: _diff(old, {**new, START_FROM: new.get(START_FROM) or "the savepoint"}),
        )

    def restored(self, case: Case, new: Mapping[str, str]) -> Step:
        """The job was restored from the state that it should start from, or from a later one of its own."""

        def look() -> Seen:
            health = self.ports.job.health()
            start_from = new.get(START_FROM) or case.facts.get("savepoint", "")
            if not _is(health, new):
                return Seen(False, _said(health))
            if health.restored is None:
                return Seen(start_from == "none", "started without state")
            own = f"/{new[SUBMISSION]}/" in health.restored.uri
            holds = start_from in {LATEST, health.restored.uri} or own
            return Seen(holds, f"restored from {health.restored.uri}" + (", its own" if own else ""))

        return Step("verify-state", "restored from the state that it should start from", look, deadline_s=60)

    def checkpoints(self, new: Mapping[str, str]) -> Step:
        """Checkpoints go on: two are complete since it was started."""

        def look() -> Seen:
            health = self.ports.job.health()
            newest = f", the newest {health.checkpoint.id}" if health.checkpoint else ""
            seen = f"{health.completed} complete since the start{newest}"
            return Seen(_is(health, new) and health.completed >= 2, f"{_said(health)}; {seen}")

        return Step("verify-checkpoints", "checkpoints go on", look, deadline_s=90)

    def output(self, new: Mapping[str, str]) -> Step:
        """Bars and signals of the new version come out, of what was received since it was started."""

        def look() -> Seen:
            health = self.ports.job.health()
            if not _is(health, new):
                return Seen(False, _said(health))
            flow = self.ports.job.flow(health.since_ns)
            bars, signals = flow.bars.get(new[TAG], 0), flow.signals.get(new[TAG], 0)
            said = f"since the start {flow.trades} trades in; of version {new[TAG]} {bars} bars, {signals} signals out"
            if not flow.trades:
                # Who waits for a closed market to move would never upgrade outside of its hours.
                return Seen(health.completed > 2, f"{said}: nothing came in, so nothing has to come out")
            return Seen(bool(bars and signals), said)

        return Step("verify-output", "final bars and signals of the new version come out", look, deadline_s=OUTPUT_S)

    def _deployed(self, values: Mapping[str, str]) -> Seen | None:
        """None when these values are in force and committed."""
        live, committed = self.ports.desired.live(), self.ports.desired.committed()
        differ = [f"{name} is {live.get(name, 'not set')}" for name in values if live.get(name, "") != values[name]]
        differ += [f"{name} is not committed" for name in values if committed.get(name, "") != values[name]]
        return Seen(False, "; ".join(differ)) if differ else None

    def _works(self, values: Mapping[str, str], *, last: bool = True) -> Seen:
        """Whether this deployment runs and works.

        Raises:
            RefusedError: it does not and will not; only when it is not the last way out.
        """
        health = self.ports.job.health()
        if last and not health.works and health.failures >= _HOPELESS and health.submission == values[SUBMISSION]:
            raise RefusedError(f"{_named(values)} came down {health.failures} times: {health.reason}")
        running = all(instance.ready for instance in self.ports.workloads.instances("job"))
        return Seen(running and _is(health, values), _said(health))


def saving(job: FlinkJob, case: Case) -> Step:
    """A savepoint of the job as it runs; the fact `savepoint` is its URI."""
    name = case.token("savepoint")

    def look() -> Seen:
        uri = job.savepoint(name)
        return Seen(uri is not None, uri or "not taken yet", {"savepoint": uri} if uri else {})

    return Step(
        name="savepoint",
        does="take a savepoint; the job goes on",
        check=look,
        act=lambda: job.take_savepoint(name),
        undo=NOTHING_TO_UNDO,
        deadline_s=150,
        diff=lambda: ("+ a savepoint",),
    )


def options(request: Request, name: str) -> str:
    """An input, without surrounding space."""
    return request.options.get(name, "").strip()


def _is(health: JobHealth, values: Mapping[str, str]) -> bool:
    return health.works and health.version == values[TAG] and health.submission == values[SUBMISSION]


def _named(values: Mapping[str, str]) -> str:
    return f"version {values[TAG]}"


def _said(health: JobHealth) -> str:
    how = "works" if health.works else f"does not work ({health.reason})"
    return f"version {health.version or 'none'} {how}, deployment {health.submission or 'none'}"


def _diff(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    changed = [name for name in new if old.get(name, "") != new[name]]
    return tuple(line for name in changed for line in (f"- {name}: {old.get(name, '')}", f"+ {name}: {new[name]}"))
