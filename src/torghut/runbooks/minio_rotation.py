"""minio-rotation: a new user of the object store, with keys of its own, for the job's checkpoints.

Make the new user, by policy for the bucket of checkpoints only, and prove that its keys work there and cannot read any
other bucket. Take a savepoint, if it is asked for. Seal the new keys, commit, bring them into force; restart the job.
Verify that it was restored from a checkpoint written under the old keys, and that one begun since the restart is
complete. Only then, with approval, delete the old user and prove that its keys are refused and that checkpoints go on.
Undo, until the old user is deleted: the old keys back, a restart, and the new user removed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import PreconditionError
from torghut.ops.procedure import Basis, Case, Input, Request, Rollback
from torghut.ops.step import Seen, Step, Undo
from torghut.runbooks.deployment import saving
from torghut.runbooks.job_ports import JobHealth
from torghut.runbooks.ports import Ports
from torghut.runbooks.secret_change import SecretChange, in_force
from torghut.runbooks.workloads import runs_for

SECRET: Final = "s3"  # noqa: S105 - its name
WORKLOAD: Final = "job"
ACCESS_KEY: Final = "access_key"
SECRET_KEY: Final = "secret_key"  # noqa: S105 - the name of a value
_KEYS: Final = (ACCESS_KEY, SECRET_KEY)
_LENGTH: Final = {ACCESS_KEY: 20, SECRET_KEY: 40}
"""The longest that MinIO takes."""


def _generate(name: str) -> str:
    return secrets.token_hex(_LENGTH[name] // 2)


@dataclass(frozen=True)
class MinioRotation:
    """The procedure on one target. `generate` makes a value of the keys when none is given."""

    ports: Ports
    generate: Callable[[str], str] = _generate
    name: str = "minio-rotation"
    title: str = "A new user of the object store for the job's checkpoints"
    rollback: Rollback = Rollback.ON_FAILURE
    inputs: tuple[Input, ...] = (
        Input(ACCESS_KEY, "the new access key; generated when not given", secret=True, default=""),
        Input(SECRET_KEY, "the new secret key; generated when not given", secret=True, default=""),
        Input("savepoint", "yes: take a savepoint before the restart", default="no"),
    )

    def prepare(self, request: Request) -> Basis:
        """Look at the job, its keys and its secret; change nothing.

        Raises:
            PreconditionError: the job does not work, or the new access key is the old one.
            DriftError: the keys in force are not those that the desired state names.
        """
        live = in_force(self.ports.secrets, SECRET)
        old = dict(self.ports.secrets.read(SECRET))
        new = {name: request.secrets.get(name, "").strip() or self.generate(name) for name in _KEYS}
        if new[ACCESS_KEY] == old[ACCESS_KEY] and new != old:
            raise PreconditionError("the new access key is the old one: wanted a new user, so that both can work")
        reach, health = self.ports.store.reach(old), self.ports.job.health()
        if not health.works:
            raise PreconditionError(f"the job does not work ({health.reason}): mend that first; nothing was changed")
        return Basis(
            facts={"old": live, "new": self.ports.secrets.digest_of(new), "old_works": "yes" if reach.works else "no"},
            assumed=("old",),
            secrets={**new, **{f"old.{name}": value for name, value in old.items()}},
            needs=("the store's administration", "the job at work"),
            interruption="no final bars and signals for the restart of the job, about a minute; none is lost",
            notes=() if reach.works else ("the old keys do not work any more: there is no way back",),
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """New user, proof of its scope, seal, restart, proof by checkpoints, and the end of the old user."""
        if case.facts["new"] == case.facts["old"]:
            return (self._scope(case),)
        savepoint = (saving(self.ports.job, case),) if case.options.get("savepoint") == "yes" else ()
        change = SecretChange(self.ports, case, SECRET, WORKLOAD, case.facts["old"], case.facts["new"])
        old = (lambda: _keys(case, "old.")) if case.facts["old_works"] == "yes" else None
        return (
            self._creating(case),
            self._scope(case),
            *savepoint,
            change.sealing("seal", "seal the new keys, commit, bring them into force", lambda: _keys(case), old, 300),
            change.restarting("restart", 300),
            self._handover(case),
            self._deleting(case),
            self._going_on(case),
        )

    def _creating(self, case: Case) -> Step:
        store = self.ports.store

        def is_there() -> Seen:
            reach = store.reach(_keys(case))
            return Seen(reach.works, "the new keys work" if reach.works else "the store does not take the new keys")

        undo = Undo("remove the new user", lambda: self._refused(_keys(case)), lambda: store.remove(_access(case)))
        return Step(
            name="create-user",
            does="make the new user, by policy for the bucket of checkpoints only",
            check=is_there,
            act=lambda: store.ensure(_keys(case)),
            undo=undo,
            diff=lambda: ("+ a user of the store",),
        )

    def _scope(self, case: Case) -> Step:
        def look() -> Seen:
            reach = self.ports.store.reach(_keys(case))
            if reach.beyond:
                return Seen(False, f"the new keys can read {', '.join(reach.beyond)}, too")
            if not reach.works:
                return Seen(False, "the new keys do not work in their own bucket")
            return Seen(True, "writes, reads and deletes in its own bucket; every other one is refused")

        return Step("prove-scope", "prove that the new keys reach their bucket and no other", look, deadline_s=30)

    def _handover(self, case: Case) -> Step:
        """Both sides of the change: state written under the old keys was read, and new state is written."""

        def look() -> Seen:
            health, running = self._health(), runs_for(self.ports, WORKLOAD, case.facts["new"])
            if not running.holds:
                return running
            if health.restored is None:
                return Seen(False, "the job started without state")
            written = self.ports.job.written_ns(health.restored.uri)
            if written is not None and written > health.since_ns:
                return Seen(False, f"checkpoint {health.restored.id} was written after the restart")
            newest = health.checkpoint
            if newest is None or newest.begun_ns < health.since_ns:
                return Seen(False, "no checkpoint that began after the restart is complete yet")
            said = f"restored from checkpoint {health.restored.id}, written under the old keys; {newest.id} begun since"
            return Seen(True, f"{said} is complete", {"checkpoint": str(newest.id), "restored": health.restored.uri})

        return Step(
            "verify", "restored from state of the old keys, and a checkpoint under the new ones", look, deadline_s=120
        )

    def _deleting(self, case: Case) -> Step:
        store = self.ports.store

        def look() -> Seen:
            health, refused = self._health(), self._refused(_keys(case, "old."))
            newest = str(health.checkpoint.id) if health.checkpoint else "0"
            return Seen(refused.holds, refused.what, {"last_before": newest} if refused.holds else {})

        return Step(
            name="delete-old-user",
            does="delete the old user, and prove that its keys are refused",
            check=look,
            act=lambda: store.remove(_access(case, "old.")),
            approval="the old user of the store is deleted: its keys never work again",
            diff=lambda: ("- a user of the store",),
        )

    def _going_on(self, case: Case) -> Step:
        def look() -> Seen:
            health, last = self._health(), int(case.facts.get("last_before", "-1"))
            newest = health.checkpoint.id if health.checkpoint else 0
            if last < 0:
                return Seen(False, "the old user is there")
            # The next one may have begun before the user was gone.
            return Seen(newest > last + 1, f"checkpoint {newest} is complete; {last} was before the old user was gone")

        return Step("prove-checkpoints", "checkpoints go on without the old user", look, deadline_s=90)

    def _health(self) -> JobHealth:
        return self.ports.job.health()

    def _refused(self, keys: dict[str, str]) -> Seen:
        known = self.ports.store.reach(keys).known
        return Seen(not known, "the store takes the keys" if known else "the store refuses the keys")


def _keys(case: Case, which: str = "") -> dict[str, str]:
    """The new keys, or with `old.` the old ones."""
    return {name: case.secret(f"{which}{name}") for name in _KEYS}


def _access(case: Case, which: str = "") -> str:
    return case.secret(f"{which}{ACCESS_KEY}")
