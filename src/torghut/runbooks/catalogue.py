"""Every procedure by its name. To add one: write its file, and name it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from torghut.ops.procedure import Procedure
from torghut.runbooks.alpaca_406 import Alpaca406
from torghut.runbooks.alpaca_rotation import AlpacaRotation
from torghut.runbooks.flink_rollback import FlinkRollback
from torghut.runbooks.flink_upgrade import FlinkUpgrade
from torghut.runbooks.kafka_produce_failure import KafkaProduceFailure
from torghut.runbooks.kafka_rotation import KafkaRotation
from torghut.runbooks.lag_spike import LagSpike
from torghut.runbooks.minio_rotation import MinioRotation
from torghut.runbooks.ports import Ports

PROCEDURES: Final[tuple[Callable[[Ports], Procedure], ...]] = (
    AlpacaRotation,
    KafkaRotation,
    MinioRotation,
    FlinkUpgrade,
    FlinkRollback,
    Alpaca406,
    KafkaProduceFailure,
    LagSpike,
)


def procedures(ports: Ports) -> dict[str, Procedure]:
    """All of them, on one target."""
    found = tuple(make(ports) for make in PROCEDURES)
    return {procedure.name: procedure for procedure in found}
