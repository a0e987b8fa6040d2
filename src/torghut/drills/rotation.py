"""Drills of kafka-rotation: due rotations by each way, with clients at work."""

from __future__ import annotations

from dataclasses import dataclass

from torghut.drills.scene import Scene
from torghut.targets.local.target import ports


@dataclass(frozen=True)
class KafkaRotated:
    """New credentials, or another authority, of every client that runs. What it leaves is valid."""

    cause: str = "second-user"
    name: str = "kafka-rotation"
    stand_ins: tuple[str, ...] = ("Alpaca is the simulator",)

    def make(self, scene: Scene) -> None:
        """Remember who the clients are now."""
        scene.notes["user"] = ports(scene.home).kafka_users.name("forwarder")

    def detected(self, scene: Scene) -> str | None:  # noqa: ARG002 - the protocol's
        """Nothing is broken."""
        return "the calendar: a planned rotation"

    def command(self, scene: Scene) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """By this way."""
        return self.name, "--set", "ca=yes" if self.cause == "ca" else f"way={self.cause}"

    def judge(self, scene: Scene, code: int) -> str | None:
        """It ended well, and the old user is gone where there is a new one."""
        users = ports(scene.home).kafka_users
        if code != 0:
            return f"the procedure ended with {code}"
        if self.cause == "second-user" and users.exists(scene.notes["user"]):
            return f"{scene.notes['user']} is still there"
        return None

    def restore(self, scene: Scene) -> None:
        """Nothing to put back."""
