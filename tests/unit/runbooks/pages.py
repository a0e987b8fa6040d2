"""The facts in `docs/runbooks/`: each procedure's steps as the code has them. `python -m tests.unit.runbooks.pages`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.unit.runbooks.cluster import NEW, Cluster
from tests.unit.runbooks.readings import READINGS
from tests.unit.runbooks.system import NEW_KEYS, System

from torghut.ops.procedure import Case, Procedure, Request
from torghut.ops.step import Step
from torghut.runbooks.alpaca_406 import Alpaca406
from torghut.runbooks.alpaca_rotation import AlpacaRotation
from torghut.runbooks.flink_rollback import FlinkRollback
from torghut.runbooks.flink_upgrade import FlinkUpgrade
from torghut.runbooks.kafka_ports import Cause, Found
from torghut.runbooks.kafka_produce_failure import KafkaProduceFailure
from torghut.runbooks.kafka_rotation import IN_PLACE, SECOND, KafkaRotation
from torghut.runbooks.lag_diagnosis import Cause as LagCause
from torghut.runbooks.lag_spike import LagSpike
from torghut.runbooks.minio_rotation import MinioRotation

DOCS = Path(__file__).parents[3] / "docs" / "runbooks"
BEGIN, END = "<!-- facts: made by tests/unit/runbooks/pages.py -->\n", "<!-- end of facts -->\n"

Make = Callable[[], tuple[Procedure, Request]]


def _broken() -> System:
    return System(found=[Found(Cause.TOPIC_MISSING, "a topic is not there", "a topic")])


def _cluster() -> Cluster:
    return Cluster(tags=["good", "TAG"])


def _late(cause: LagCause) -> Make:
    return lambda: (LagSpike(Cluster(readings=[READINGS[cause]]).ports()), Request())


PAGES: dict[str, dict[str, Make]] = {
    "alpaca-rotation": {"": lambda: (AlpacaRotation(System().ports()), Request({}, NEW_KEYS))},
    "kafka-rotation": {
        "By a second user": lambda: (KafkaRotation(System().ports()), Request({"way": SECOND})),
        "In place": lambda: (KafkaRotation(System().ports()), Request({"way": IN_PLACE})),
        "The authority (`--ca`)": lambda: (KafkaRotation(System().ports()), Request({"ca": "yes"})),
    },
    "alpaca-406": {"": lambda: (Alpaca406(System().ports()), Request({"release_s": "180"}))},
    "kafka-produce-failure": {"": lambda: (KafkaProduceFailure(_broken().ports()), Request())},
    "minio-rotation": {"": lambda: (MinioRotation(Cluster().ports()), Request({"savepoint": "yes"}, NEW))},
    "flink-upgrade": {"": lambda: (FlinkUpgrade(_cluster().ports()), Request({"tag": "TAG", "state": "savepoint"}))},
    "flink-rollback": {"": lambda: (FlinkRollback(_cluster().ports()), Request({"tag": "TAG", "from": "latest"}))},
    "lag-spike": {
        "What is stuck is restarted": _late(LagCause.MUTED),
        "The job is changed": _late(LagCause.JOB),
    },
}
"""Page to its variants, each with a heading."""


def facts(page: str) -> str:
    """The generated part of a page."""
    parts = []
    for heading, make in PAGES[page].items():
        procedure, request = make()
        basis = procedure.prepare(request)
        steps = procedure.steps(Case("RUN", request.options, basis.facts, basis.secrets))
        rows = "\n".join(map(_row, steps))
        title = f"**{heading}.** " if heading else ""
        parts.append(
            f"{title}Rolls back: {procedure.rollback.value}. Interruption: {basis.interruption}.\n\n"
            f"| step | what it does | within s | needs a yes | undo |\n|---|---|---|---|---|\n{rows}\n"
        )
    return BEGIN + "\n" + "\n".join(parts) + "\n" + END


def _row(step: Step) -> str:
    undo = step.undo.does if step.undo else "cannot be taken back" if step.act else "only looks"
    approval = "yes" if step.approval else ""
    return f"| `{step.name}` | {step.does} | {step.deadline_s:g} | {approval} | {undo} |"


def page(name: str) -> str:
    """A page as it is."""
    return (DOCS / f"{name}.md").read_text()


def updated(name: str) -> str:
    """A page as it should be."""
    before, _, rest = page(name).partition(BEGIN)
    return before + facts(name) + rest.partition(END)[2]


if __name__ == "__main__":
    for known in PAGES:
        (DOCS / f"{known}.md").write_text(updated(known))
