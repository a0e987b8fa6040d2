"""New values for one secret of one workload: the steps that the rotations share.

Seal the values, commit, bring them into force, and restart the workload, which reads a secret only when it starts. The
digest of the values is the token of the restart: whoever carries it has read them, whichever run restarted it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torghut.ops.errors import DriftError
from torghut.ops.procedure import Case
from torghut.ops.step import NOTHING_TO_UNDO, Seen, Step, Undo
from torghut.runbooks.ports import Change, Ports, Secrets
from torghut.runbooks.workloads import runs_for

Values = Callable[[], Mapping[str, str]]
"""Read from the vault when they are needed: steps are built without secrets, too (for a report)."""


def in_force(secrets: Secrets, name: str, way_out: str = "put it back or commit it") -> str:
    """The digest of a secret, as live and as desired.

    Raises:
        DriftError: the two differ; the message says `way_out`.
    """
    live, desired = secrets.live(name), secrets.desired(name)
    if desired and live != desired:
        raise DriftError(
            f"secret {name} in force ({live}) is not the one that the desired state names ({desired}): somebody changed"
            f" it by hand; {way_out}, then plan again"
        )
    return live


@dataclass(frozen=True)
class SecretChange:
    """`secret` of `workload` goes from the values with the digest `old` to those with the digest `new`, in one run.

    With `at_source` a secret counts as changed when its source is: whoever asks so looks after the copy by a step of
    its own, before the restart.
    """

    ports: Ports
    case: Case
    secret: str
    workload: str
    old: str
    new: str
    at_source: bool = False

    def sealing(self, name: str, does: str, new: Values, old: Values | None, restart_s: float) -> Step:
        """Bring `new` into force. Undone by `old` and a restart of at most `restart_s`; None: they cannot come back."""
        step = self.case.token(name)
        return Step(
            name=name,
            does=does,
            check=lambda: self._is(self.new),
            act=lambda: self._put(new, "new", step),
            undo=self._going_back(old, f"{step}/undo", restart_s) if old else None,
            deadline_s=180,
            diff=lambda: (f"- secret.{self.secret}: {self.old}", f"+ secret.{self.secret}: {self.new}"),
        )

    def restarting(self, name: str, deadline_s: float) -> Step:
        """Every instance of the workload anew. Nothing to undo: `sealing` restarts on its way back."""
        return Step(
            name=name,
            does=f"restart {self.workload}, so that it reads the new secret",
            check=lambda: runs_for(self.ports, self.workload, self.new),
            act=lambda: self.ports.workloads.restart(
                self.workload, Change.of(self.case, f"restart {self.workload} for the new secret", self.new)
            ),
            undo=NOTHING_TO_UNDO,
            deadline_s=deadline_s,
            diff=lambda: (f"~ workload.{self.workload}: every instance anew",),
        )

    def _going_back(self, old: Values, token: str, restart_s: float) -> Undo:
        def back() -> None:
            self._put(old, "old", token)
            what = f"restart {self.workload} with the old secret"
            self.ports.workloads.restart(self.workload, Change.of(self.case, what, self.old))

        def is_back() -> Seen:
            seen = self._is(self.old)
            return runs_for(self.ports, self.workload, self.old, but_not=self.new) if seen.holds else seen

        what = f"the old secret back, and a restart of {self.workload}"
        return Undo(what, is_back, back, deadline_s=restart_s)

    def _put(self, values: Values, which: str, token: str) -> None:
        self.ports.secrets.put(self.secret, values(), Change.of(self.case, f"{which} {self.secret}", token))

    def _is(self, digest: str) -> Seen:
        secrets = self.ports.secrets
        found = secrets.source(self.secret) if self.at_source else secrets.live(self.secret)
        desired = secrets.desired(self.secret)
        where = "at its source" if self.at_source else "in force"
        return Seen(found == desired == digest, f"{where} {found}, desired {desired or 'not named'}, wanted {digest}")
