"""kafka-produce-failure and alpaca-406 against a system in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.ops.world import Desk, Fuse, Killed, Yes
from tests.unit.runbooks.system import System

from torghut.ops.errors import PreconditionError
from torghut.ops.procedure import Request
from torghut.ops.runner import Outcome
from torghut.runbooks.alpaca_406 import Alpaca406
from torghut.runbooks.doctor import examine
from torghut.runbooks.kafka_diagnosis import BY_HAND, first_cause
from torghut.runbooks.kafka_ports import Cause, Found
from torghut.runbooks.kafka_produce_failure import KafkaProduceFailure

REPAIRS = {
    Cause.CONNECT: "start_broker",
    Cause.TLS_EXPIRED: "restore_certificate",
    Cause.TLS_UNKNOWN_CA: "restore_truststore",
    Cause.TLS_WRONG_HOST: "restore_certificate",
    Cause.TLS: "restore_certificate",
    Cause.COPY: "restore_secret",
    Cause.PASSWORD: "restore_user",
    Cause.USER: "restore_user",
    Cause.ACL: "restore_permissions",
    Cause.TOPIC_MISSING: "restore_topics",
    Cause.TOPIC_REPLICAS: "restore_topics",
    Cause.TOPIC_SIZE: "restore_topics",
    Cause.QUOTA: "lift_quota",
}


def mend(desk: Desk, system: System, run_id: str = "r") -> Outcome:
    return desk.runner(KafkaProduceFailure(system.ports())).run("kafka-produce-failure", Request(), run_id)


def broken(cause: Cause, fuse: Fuse | None = None) -> System:
    return System(found=[Found(cause, "seen so", "it")], fuse=fuse or Fuse())


@pytest.mark.parametrize("cause", REPAIRS)
def test_each_cause_is_named_and_mended_by_its_own_repair_alone(tmp_path: Path, cause: Cause) -> None:
    system = broken(cause)
    outcome = mend(Desk(tmp_path), system)
    assert outcome.ok
    assert system.changes == [REPAIRS[cause]]


@pytest.mark.parametrize("cause", BY_HAND)
def test_what_only_its_owner_can_mend_is_named_and_nothing_is_changed(tmp_path: Path, cause: Cause) -> None:
    system = broken(cause)
    with pytest.raises(PreconditionError, match=f"{cause.value}: seen so; to mend:"):
        mend(Desk(tmp_path), system)
    assert system.changes == []


def test_what_others_mend_on_a_target_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    system = broken(Cause.CONNECT)
    system.of_others = (Cause.CONNECT,)
    with pytest.raises(PreconditionError, match="connect: seen so; to mend: ask Strimzi"):
        mend(Desk(tmp_path), system)
    assert system.changes == []


@pytest.mark.parametrize("cause", Cause)
def test_the_first_stretch_that_fails_is_blamed_and_none_behind_it(cause: Cause) -> None:
    behind = [other for other in Cause if list(Cause).index(other) >= list(Cause).index(cause)]
    system = System(found=[Found(other, "seen so") for other in reversed(behind)])
    first = first_cause(system.ports().kafka, deep=True)
    assert first is not None
    assert {first.cause, cause} <= {Cause.TOPIC_MISSING, Cause.TOPIC_REPLICAS, Cause.TOPIC_SIZE} or (
        list(Cause).index(first.cause) >= list(Cause).index(cause)
    )


def test_nothing_broken_is_nothing_to_do(tmp_path: Path) -> None:
    system = System()
    assert mend(Desk(tmp_path), system).ok
    assert system.changes == []


def test_what_destroys_or_overrules_waits_for_approval(tmp_path: Path) -> None:
    system = broken(Cause.TOPIC_MISSING)
    runner = Desk(tmp_path).runner(KafkaProduceFailure(system.ports()), approver=Yes(yes=False))
    outcome = runner.run("kafka-produce-failure", Request(), "r")
    assert (outcome.waits, system.changes) == (True, [])


@pytest.mark.timeout(600)
def test_a_repair_killed_at_any_moment_and_resumed_is_made_once(tmp_path: Path) -> None:
    for moment in range(500):
        fuse = Fuse(moment)
        system, desk = broken(Cause.ACL, fuse), Desk(tmp_path / str(moment), fuse)
        try:
            mend(desk, system)
        except Killed:
            fuse.left = None
            outcome = mend(desk, system)
            if not outcome.phase.is_over:
                outcome = desk.runner(KafkaProduceFailure(system.ports())).resume("r")
        else:
            break
        assert outcome.ok, moment
        assert system.changes == ["restore_permissions"], moment
    assert moment > 10


def test_the_doctor_names_the_procedure_of_the_first_cause() -> None:
    health = examine(broken(Cause.ACL).ports())
    assert (health.well, health.procedure) == (False, "kafka-produce-failure")
    assert [remark.cause for remark in health.remarks if remark.area.startswith("kafka")] == ["", "", "", "acl"]


def test_the_doctor_of_a_healthy_system_finds_nothing() -> None:
    health = examine(System().ports())
    assert (health.well, health.procedure) == (True, "")


def test_the_doctor_sends_dead_keys_to_the_rotation() -> None:
    assert examine(System(valid_keys=[]).ports()).procedure == "alpaca-rotation"


def connect(desk: Desk, system: System) -> Outcome:
    return desk.runner(Alpaca406(system.ports())).run("alpaca-406", Request({"release_s": "30"}), "r")


def test_one_forwarder_is_kept_and_strays_are_ended(tmp_path: Path) -> None:
    system = System(count=3, strays=["pid 7 (stray)"], limited=True)
    assert connect(Desk(tmp_path), system).ok
    assert (system.count, system.strays, len(system.restarts)) == (1, [], 1)


def test_strays_are_not_ended_without_a_yes(tmp_path: Path) -> None:
    system = System(strays=["pid 7 (stray)"], limited=True)
    runner = Desk(tmp_path).runner(Alpaca406(system.ports()), approver=Yes(yes=False))
    outcome = runner.run("alpaca-406", Request(), "r")
    assert (outcome.waits, system.strays) == (True, ["pid 7 (stray)"])


def test_a_client_elsewhere_is_named_and_not_fought(tmp_path: Path) -> None:
    class Elsewhere(System):
        @property
        def ready(self) -> bool:
            self.limited = True
            return False

    outcome = connect(Desk(tmp_path), Elsewhere(limited=True))
    assert not outcome.ok
    assert "a client outside of this system uses these keys" in outcome.what


def test_a_forwarder_that_comes_back_by_itself_is_not_restarted(tmp_path: Path) -> None:
    system = broken(Cause.TOPIC_SIZE)
    mend(Desk(tmp_path), system)
    assert system.restarts == []
