"""Every drill, in the order of `torghut drill all`. To add one: write it, and name it here."""

from __future__ import annotations

from typing import Final

from torghut.drills import alpaca, connections, flink, kafka, lag, rotation
from torghut.drills.drill import Drill

DRILLS: Final[tuple[Drill, ...]] = (
    alpaca.DueRotation(),
    alpaca.ExpiredKey(),
    rotation.KafkaRotated("second-user"),
    rotation.KafkaRotated("in-place"),
    rotation.KafkaRotated("ca"),
    *connections.LIMITS,
    *kafka.FAILURES,
    *flink.DRILLS,
    *lag.SPIKES,
)


def select(name: str) -> tuple[Drill, ...]:
    """`all`, the drills of one procedure, or one drill as `procedure/cause`; empty when there is none."""
    return tuple(drill for drill in DRILLS if name in {"all", drill.name, f"{drill.name}/{drill.cause}"})
