"""All diagnoses at once, read-only: what is wrong, by which evidence, and which procedure mends it.

Each examination looks at one thing and says what it found; one that gets no answer says that. The advice is the
procedure of the first finding: examinations come in the order in which causes hide what is behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from torghut.ops.errors import PreconditionError, RefusedError, UnavailableError
from torghut.runbooks.kafka_diagnosis import stretches
from torghut.runbooks.lag_diagnosis import Cause as LagCause
from torghut.runbooks.lag_spike import BY_HAND, confirmed
from torghut.runbooks.ports import Ports

KAFKA: Final = "kafka-produce-failure"
ROTATION: Final = "alpaca-rotation"
CONNECTIONS: Final = "alpaca-406"
LAG: Final = "lag-spike"


class Remark(msgspec.Struct, frozen=True):
    """One thing that was looked at. `cause` is empty when it is well; `procedure` when none mends it."""

    area: str
    what: str
    cause: str = ""
    procedure: str = ""


class Health(msgspec.Struct, frozen=True):
    """Everything that was looked at, and the procedure to run, if any."""

    well: bool
    procedure: str
    remarks: tuple[Remark, ...]


Examination = Callable[[Ports], Iterator[Remark]]


def kafka(ports: Ports) -> Iterator[Remark]:
    """The way to Kafka."""
    for stretch in stretches(ports.kafka, deep=False):
        area = f"kafka: {stretch.name}"
        if not stretch.asked:
            yield Remark(area, stretch.said, "no answer", KAFKA)
        for found in stretch.found:
            yield Remark(area, found.evidence, found.cause.value, KAFKA)
        if stretch.asked and not stretch.found:
            yield Remark(area, "works")


def keys(ports: Ports) -> Iterator[Remark]:
    """Whether the feed still takes the keys in force."""
    answer = ports.feed.history(ports.secrets.read("alpaca"))
    cause = {True: "", False: "keys refused", None: "no answer"}[answer.accepted]
    yield Remark("alpaca keys", answer.what, cause, ROTATION if answer.accepted is False else "")


_BY_REASON: Final = {
    "alpaca_auth": ROTATION,
    "alpaca_not_authenticated": ROTATION,
    "alpaca_connection_limit": CONNECTIONS,
    "stale_feed": LAG,
    "alpaca_slow_client": LAG,
}


def forwarder(ports: Ports) -> Iterator[Remark]:
    """What the forwarders say of themselves."""
    instances = ports.workloads.instances("forwarder")
    if not instances:
        yield Remark("forwarder", "no instance runs", "not running")
    for instance in instances:
        mends = KAFKA if instance.reason.startswith("kafka_") else _BY_REASON.get(instance.reason, "")
        cause = "" if instance.ready else instance.reason
        yield Remark(f"forwarder {instance.name}", instance.reason, cause, "" if instance.ready else mends)


def lag(ports: Ports) -> Iterator[Remark]:
    """Whether signals are late, and why; takes some seconds. What is down is told by the others."""
    if "job.tag" not in ports.desired.live():
        yield Remark("lag", "no job is deployed")
        return
    _, found = confirmed(ports.lag)
    cause = found.cause if found.cause is not LagCause.FEED_DOWN else None
    mends = LAG if cause and cause not in BY_HAND else ""
    yield Remark("lag", found.said, cause.value if cause else "", mends)


def drift(ports: Ports) -> Iterator[Remark]:
    """Whether the target and its secrets are as Git says."""
    differences = ports.desired.drift()
    for difference in differences:
        yield Remark("desired state", difference, "drift")
    if not differences:
        yield Remark("desired state", "in force as committed")


EXAMINATIONS: Final[tuple[tuple[str, Examination], ...]] = (
    ("kafka", kafka),
    ("alpaca keys", keys),
    ("forwarder", forwarder),
    ("lag", lag),
    ("desired state", drift),
)


def examine(ports: Ports) -> Health:
    """Look at everything; change nothing."""
    remarks = tuple(remark for area, look in EXAMINATIONS for remark in _careful(area, look, ports))
    bad = [remark for remark in remarks if remark.cause]
    return Health(not bad, next((remark.procedure for remark in bad if remark.procedure), ""), remarks)


def _careful(area: str, look: Examination, ports: Ports) -> Iterator[Remark]:
    try:
        yield from look(ports)
    except (PreconditionError, UnavailableError, RefusedError) as error:
        yield Remark(area, str(error), "no answer")
