"""Drills of the feed's side: keys that died, keys that are replaced in time."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from torghut.drills.scene import Scene
from torghut.stack.desired import read_desired
from torghut.stack.services import forwarder, sim
from torghut.wire.status import Reason

SIMULATOR = ("Alpaca is the simulator",)


def use_own_keys(scene: Scene) -> None:
    """Give the forwarder a copy of the simulator's keys, so that a new pair there is not found by itself."""
    account = sim.account(scene.home, 0)
    for own, theirs in zip(_own(scene), (account.key_id_file, account.secret_key_file), strict=True):
        if own.is_symlink():
            own.unlink()
            shutil.copy(theirs, own)
            own.chmod(0o600)


def follow_simulator_again(scene: Scene) -> None:
    """Link the forwarder's keys to the simulator's, as in a fresh stack."""
    account = sim.account(scene.home, 0)
    for own, theirs in zip(_own(scene), (account.key_id_file, account.secret_key_file), strict=True):
        if not own.is_symlink():
            own.unlink()
            own.symlink_to(theirs)


def _own(scene: Scene) -> tuple[Path, Path]:
    return forwarder.key_files(scene.home, read_desired(scene.home).settings)


def new_keys(scene: Scene) -> tuple[str, ...]:
    """The inputs with the account's new pair."""
    account = sim.account(scene.home, 0)
    return "--secret", f"key_id={account.key_id_file}", "--secret", f"secret_key={account.secret_key_file}"


@dataclass(frozen=True)
class ExpiredKey:
    """The keys died under the running forwarder, and its connection was cut."""

    name: str = "alpaca-rotation"
    cause: str = "expired-key"
    stand_ins: tuple[str, ...] = SIMULATOR

    def make(self, scene: Scene) -> None:
        """A new pair in the account, the old one worth nothing, every connection cut."""
        use_own_keys(scene)
        with scene.sim() as control:
            control.rotate(cut=True)

    def detected(self, scene: Scene) -> str | None:
        """The forwarder says so."""
        reason = scene.forwarder_reason()
        return f"the forwarder's status: {reason}" if reason == Reason.ALPACA_AUTH else None

    def command(self, scene: Scene) -> tuple[str, ...]:
        """The rotation with the new pair."""
        return self.name, *new_keys(scene)

    def judge(self, scene: Scene, code: int) -> str | None:  # noqa: ARG002 - the protocol's
        """It must have worked."""
        return None if code == 0 else f"the procedure ended with {code}"

    def restore(self, scene: Scene) -> None:
        """Follow the simulator's files again."""
        follow_simulator_again(scene)


@dataclass(frozen=True)
class DueRotation(ExpiredKey):
    """A rotation in time: the old keys still work."""

    cause: str = "due"

    def make(self, scene: Scene) -> None:
        """A second pair beside the one in use."""
        use_own_keys(scene)
        with scene.sim() as control:
            control.rotate(grace_s=600)

    def detected(self, scene: Scene) -> str | None:  # noqa: ARG002 - the protocol's
        """Nothing is broken."""
        return "the calendar: a planned rotation"
