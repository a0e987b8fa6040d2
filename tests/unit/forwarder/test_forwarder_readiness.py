"""What the forwarder says about itself follows from its gates, and every change is said once."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from torghut.forwarder.readiness import OPEN, Gate, Readiness
from torghut.wire.status import Reason

UNREACHABLE = Gate(Reason.ALPACA_UNREACHABLE, "refused", attempt=3)
REFUSED = Gate(Reason.ALPACA_AUTH, "wrong keys", "error")
NO_KAFKA = Gate(Reason.KAFKA_UNREACHABLE, "no broker")
NO_RIGHT = Gate(Reason.KAFKA_ACL, "no right", "error")
STARTING = Gate(Reason.STARTING)


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        self.ns += 1
        return self.ns


def active(alpaca: Gate = OPEN, kafka: Gate = OPEN) -> Readiness:
    readiness = Readiness("pod-1", Clock())
    readiness.role("active")
    readiness.kafka(kafka)
    readiness.alpaca(alpaca)
    return readiness


def said(readiness: Readiness) -> tuple[bool, str, Reason]:
    return readiness.ready, readiness.current.status, readiness.current.reason


@pytest.mark.parametrize(
    ("alpaca", "kafka", "expected"),
    [
        (OPEN, OPEN, (True, "healthy", Reason.OK)),
        (STARTING, STARTING, (False, "reconnect", Reason.STARTING)),
        (OPEN, STARTING, (False, "reconnect", Reason.STARTING)),
        (UNREACHABLE, OPEN, (False, "reconnect", Reason.ALPACA_UNREACHABLE)),
        (UNREACHABLE, STARTING, (False, "reconnect", Reason.ALPACA_UNREACHABLE)),
        (REFUSED, OPEN, (False, "error", Reason.ALPACA_AUTH)),
        (OPEN, NO_KAFKA, (False, "reconnect", Reason.KAFKA_UNREACHABLE)),
        (UNREACHABLE, NO_KAFKA, (False, "reconnect", Reason.KAFKA_UNREACHABLE)),
        (REFUSED, NO_RIGHT, (False, "error", Reason.KAFKA_ACL)),
    ],
)
def test_an_active_instance_names_what_keeps_it_from_being_ready(
    alpaca: Gate, kafka: Gate, expected: tuple[bool, str, Reason]
) -> None:
    assert said(active(alpaca, kafka)) == expected


@pytest.mark.parametrize(
    ("kafka", "reason"),
    [
        (OPEN, Reason.STANDBY),
        (STARTING, Reason.STANDBY),
        (NO_KAFKA, Reason.KAFKA_UNREACHABLE),
        (NO_RIGHT, Reason.KAFKA_ACL),
    ],
)
def test_a_standby_is_never_ready_and_tells_of_trouble_with_kafka(kafka: Gate, reason: Reason) -> None:
    readiness = active(OPEN, kafka)
    readiness.role("standby")
    assert not readiness.ready
    assert readiness.current.reason is reason
    assert readiness.current.role == "standby"


@pytest.mark.parametrize("kafka", [OPEN, NO_KAFKA])
def test_one_who_leaves_says_so_whatever_else_is_so(kafka: Gate) -> None:
    readiness = active(OPEN, kafka)
    readiness.leave()
    assert said(readiness) == (False, "reconnect", Reason.SHUTDOWN)


def test_it_is_ready_only_when_everything_is() -> None:
    gates = [OPEN, STARTING, UNREACHABLE, NO_KAFKA]
    ready = [pair for pair in itertools.product(gates, gates) if active(*pair).ready]
    assert ready == [(OPEN, OPEN)]


def test_the_body_of_readyz_has_the_gates_and_the_status_record() -> None:
    readiness = active(UNREACHABLE, OPEN)
    readiness.lag_ms = 12.5
    body = readiness.body()
    assert body.gates == {"alpaca": False, "kafka": True}
    assert (body.ready, body.reason, body.detail, body.attempt) == (False, UNREACHABLE.reason, "refused", 3)
    assert (body.component, body.instance, body.lag_ms) == ("forwarder", "pod-1", 12.5)


def test_a_change_is_recorded_with_the_time_of_the_change() -> None:
    readiness = active()
    readiness.changes.clear()
    readiness.alpaca(UNREACHABLE)
    before = readiness.changes[0].ts
    assert readiness.current.ts > before
    assert [record.reason for record in readiness.changes] == [Reason.ALPACA_UNREACHABLE]


@pytest.mark.parametrize(
    "repeat",
    [
        lambda r: r.alpaca(UNREACHABLE),
        lambda r: r.kafka(OPEN),
        lambda r: r.role("active"),
    ],
)
def test_what_was_said_is_not_said_again(repeat: Callable[[Readiness], None]) -> None:
    readiness = active(UNREACHABLE)
    readiness.changes.clear()
    repeat(readiness)
    assert not readiness.changes


@pytest.mark.parametrize(
    "other",
    [
        Gate(Reason.ALPACA_SLOW_CLIENT, "refused", attempt=3),
        Gate(Reason.ALPACA_UNREACHABLE, "timed out", attempt=3),
        Gate(Reason.ALPACA_UNREACHABLE, "refused", attempt=4),
        Gate(Reason.ALPACA_UNREACHABLE, "refused", "error", attempt=3),
    ],
)
def test_another_reason_detail_attempt_or_state_is_a_change(other: Gate) -> None:
    readiness = active(UNREACHABLE)
    readiness.changes.clear()
    readiness.alpaca(other)
    assert len(readiness.changes) == 1


def test_a_lag_alone_is_no_change() -> None:
    readiness = active()
    readiness.changes.clear()
    readiness.lag_ms = 5.0
    readiness.kafka(OPEN)
    assert not readiness.changes
    assert readiness.current.lag_ms == 5.0


def test_changes_are_bounded_the_oldest_go_and_are_counted() -> None:
    readiness = Readiness("pod-1", Clock(), limit=5)
    readiness.role("active")
    for attempt in range(20):
        readiness.alpaca(Gate(Reason.ALPACA_UNREACHABLE, attempt=attempt))
    assert [record.attempt for record in readiness.changes] == [15, 16, 17, 18, 19]
    assert readiness.dropped == 1 + 1 + 20 - 5


def test_the_first_record_is_there_from_the_beginning() -> None:
    assert len(Readiness("pod-1", Clock()).changes) == 1
