"""alpaca-rotation: new Alpaca keys for the forwarder.

Prove the new keys first (by a history request and a login on the test stream: a second login on the market's stream
would be refused with 406). Seal them, commit, bring them into force; restart the forwarder; verify that the new
instance is healthy and subscribed and that nothing was refused since. What the feed sent during the restart is
repaired from history.
Undo: the old keys back, if they still work. If they are dead, the procedure only goes forward, and the plan says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import PreconditionError, UnavailableError
from torghut.ops.procedure import Basis, Case, Input, Request, Rollback
from torghut.ops.step import Seen, Step
from torghut.runbooks.ports import FeedAnswer, Ports
from torghut.runbooks.secret_change import SecretChange, in_force
from torghut.runbooks.workloads import runs_for

SECRET: Final = "alpaca"  # noqa: S105 - its name
WORKLOAD: Final = "forwarder"
KEY_ID: Final = "key_id"
SECRET_KEY: Final = "secret_key"  # noqa: S105 - the name of a value
REFUSALS: Final = ("alpaca_auth", "alpaca_not_authenticated", "http_401", "http_402", "http_403")


@dataclass(frozen=True)
class AlpacaRotation:
    """The procedure on one target."""

    ports: Ports
    name: str = "alpaca-rotation"
    title: str = "New Alpaca keys for the forwarder"
    rollback: Rollback = Rollback.ON_FAILURE
    inputs: tuple[Input, ...] = (
        Input(KEY_ID, "the new ALPACA_KEY_ID", secret=True),
        Input(SECRET_KEY, "the new ALPACA_SECRET_KEY", secret=True),
    )

    def prepare(self, request: Request) -> Basis:
        """Look at both pairs of keys and at the secret; change nothing.

        Raises:
            PreconditionError: the new keys are refused or missing.
            DriftError: the secret in force is not the one that the desired state names.
        """
        new = {name: _given(request, name) for name in (KEY_ID, SECRET_KEY)}
        secrets = self.ports.secrets
        live = in_force(secrets, SECRET)
        self._prove(new)
        old = secrets.read(SECRET)
        old_works = self.ports.feed.history(old).accepted is True
        return Basis(
            facts={"old": live, "new": secrets.digest_of(new), "old_works": "yes" if old_works else "no"},
            assumed=("old",),
            secrets={**new, **{f"old.{name}": value for name, value in old.items()}},
            needs=("the new pair of keys", "the feed's history API and test stream"),
            interruption="the stream pauses for the restart, some seconds; the gap is repaired from history",
            notes=() if old_works else ("the old keys are dead already: there is no way back",),
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """Prove, seal, restart, verify."""
        change = SecretChange(self.ports, case, SECRET, WORKLOAD, case.facts["old"], case.facts["new"])
        old = (lambda: _keys(case, "old.")) if case.facts["old_works"] == "yes" else None
        return (
            self._proof(case),
            change.sealing("seal", "seal the new keys, commit, bring them into force", lambda: _keys(case), old, 120),
            change.restarting("restart", 120),
            self._health(case),
        )

    def _prove(self, keys: dict[str, str]) -> str:
        """What the feed said to the new keys, if it took them.

        Raises:
            PreconditionError: it did not.
        """
        said = []
        for ask in (self.ports.feed.history, self.ports.feed.login):
            answer = ask(keys)
            if answer.accepted is not True:
                raise PreconditionError(f"the new keys were not accepted: {answer.what}; nothing was changed")
            said.append(answer.what)
        return "; ".join(said)

    def _proof(self, case: Case) -> Step:
        def look() -> Seen:
            return _seen(self.ports.feed.history(_keys(case)))

        return Step("prove-new-keys", "try the new keys on the history API", look)

    def _health(self, case: Case) -> Step:
        def look() -> Seen:
            running = runs_for(self.ports, WORKLOAD, case.facts["new"])
            if not running.holds:
                return running
            since = min(instance.since_ns for instance in self.ports.workloads.instances(WORKLOAD))
            if refused := self.ports.workloads.complaints(WORKLOAD, REFUSALS, since):
                return Seen(False, f"refused since the restart: {refused[-1]}")
            active = [h for h in self.ports.status.forwarders() if h.role == "active" and h.ts >= since]
            healthy = [health for health in active if health.status == "healthy"]
            said = "; ".join(f"{h.instance}: {h.status} ({h.reason})" for h in active) or "nothing on the status topic"
            return Seen(bool(healthy), f"{said}; nothing refused since the restart")

        return Step("verify", "healthy, subscribed and nothing refused since the restart", look, deadline_s=120)


def _given(request: Request, name: str) -> str:
    value = request.secrets.get(name, "").strip()
    if not value:
        raise PreconditionError(f"{name} is not given: wanted by prompt, file or stdin")
    return value


def _keys(case: Case, which: str = "") -> dict[str, str]:
    """The new keys, or with `old.` the old ones."""
    return {name: case.secret(f"{which}{name}") for name in (KEY_ID, SECRET_KEY)}


def _seen(answer: FeedAnswer) -> Seen:
    if answer.accepted is None:
        raise UnavailableError(answer.what)
    return Seen(answer.accepted, answer.what)
