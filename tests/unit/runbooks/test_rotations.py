"""The rotations against a system in memory: done, undone, and killed at every single moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.ops.world import Desk, Fuse, Killed, Yes
from tests.unit.runbooks.system import NEW_KEYS, OLD_KEYS, PASSWORD, USER, System

from torghut.ops.errors import DriftError, PreconditionError
from torghut.ops.procedure import Procedure, Request
from torghut.ops.runner import Outcome
from torghut.ops.state import Phase
from torghut.runbooks.alpaca_rotation import AlpacaRotation
from torghut.runbooks.kafka_rotation import IN_PLACE, REFUSALS, SECOND, KafkaRotation

KEYS = Request({}, NEW_KEYS)


def rotate_keys(system: System) -> tuple[Procedure, Request]:
    return AlpacaRotation(system.ports()), KEYS


def rotate_user(system: System) -> tuple[Procedure, Request]:
    return KafkaRotation(system.ports()), Request({"way": SECOND})


def rotate_password(system: System) -> tuple[Procedure, Request]:
    return KafkaRotation(system.ports()), Request({"way": IN_PLACE})


ROTATIONS = [rotate_keys, rotate_user, rotate_password]


def run(desk: Desk, system: System, rotation: Callable[[System], tuple[Procedure, Request]], run_id: str) -> Outcome:
    procedure, request = rotation(system)
    return desk.runner(procedure).run(procedure.name, request, run_id)


def credentials(system: System) -> tuple[dict[str, str], dict[str, str]]:
    return system.secret["alpaca"], system.secret["kafka.forwarder"]


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_rotation_ends_with_the_new_in_force_and_one_restart(
    tmp_path: Path, rotation: Callable[[System], tuple[Procedure, Request]]
) -> None:
    system = System()
    before = [dict(secret) for secret in credentials(system)]
    assert run(Desk(tmp_path), system, rotation, "r").ok
    assert [dict(secret) for secret in credentials(system)] != before
    assert (system.ready, len(system.restarts)) == (True, 1)


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_rotation_whose_client_does_not_come_back_is_undone_to_the_old_state(
    tmp_path: Path, rotation: Callable[[System], tuple[Procedure, Request]]
) -> None:
    system = System(sick=True)
    outcome = run(Desk(tmp_path), system, rotation, "r")
    assert outcome.phase is Phase.UNDONE
    assert credentials(system) == (OLD_KEYS, {"username": USER, "password": PASSWORD})
    assert (system.users, system.ready) == ({USER: PASSWORD}, True)


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("sick", [False, True])
@pytest.mark.timeout(600)
def test_killed_at_any_moment_and_resumed_it_ends_in_the_new_state_or_the_old_one(
    tmp_path: Path, rotation: Callable[[System], tuple[Procedure, Request]], *, sick: bool
) -> None:
    """One kill for each moment there is: the moments are counted by letting the fuse blow later and later."""
    for moment in range(1000):
        fuse = Fuse(moment)
        system = System(fuse=fuse, sick=sick)
        desk = Desk(tmp_path / str(moment), fuse)
        try:
            run(desk, system, rotation, "r")
        except Killed:
            fuse.left = None
            outcome = run(desk, system, rotation, "r")
            if not outcome.phase.is_over:
                outcome = desk.runner(rotation(system)[0]).resume("r")
        else:
            break
        assert outcome.phase is (Phase.UNDONE if sick else Phase.DONE), moment
        assert system.ready, moment
        assert len(set(system.restarts)) == len(system.restarts), moment
        if sick:
            assert credentials(system) == (OLD_KEYS, {"username": USER, "password": PASSWORD}), moment
            assert system.users == {USER: PASSWORD}, moment
        desk.journal().verify(desk.anchor)
    assert moment > 20


def rotate_authority(system: System) -> tuple[Procedure, Request]:
    return KafkaRotation(system.ports()), Request({"ca": "yes"})


def test_the_authority_is_rotated_without_a_moment_in_which_a_client_does_not_trust_it(tmp_path: Path) -> None:
    system = System()
    outcome = run(Desk(tmp_path), system, rotate_authority, "r")
    assert outcome.ok, outcome.what
    assert (system.serving, system.trusts, system.ready) == ("1", ("1",), True)


@pytest.mark.timeout(600)
def test_an_authority_rotation_killed_at_any_moment_and_resumed_ends_with_the_new_one(tmp_path: Path) -> None:
    for moment in range(1000):
        fuse = Fuse(moment)
        system, desk = System(fuse=fuse), Desk(tmp_path / str(moment), fuse)
        try:
            run(desk, system, rotate_authority, "r")
        except Killed:
            fuse.left = None
            outcome = run(desk, system, rotate_authority, "r")
            if not outcome.phase.is_over:
                outcome = desk.runner(rotate_authority(system)[0]).resume("r")
        else:
            break
        assert outcome.ok, (moment, outcome.what)
        assert (system.serving, system.trusts, system.authorities) == ("1", ("1",), ["0", "1"]), moment
    assert moment > 20


def test_keys_that_the_feed_refuses_change_nothing(tmp_path: Path) -> None:
    system = System(valid_keys=[OLD_KEYS])
    with pytest.raises(PreconditionError, match="the new keys were not accepted: history; nothing was changed"):
        run(Desk(tmp_path), system, rotate_keys, "r")
    assert system.changes == []


def test_with_the_old_key_dead_there_is_no_way_back_and_the_plan_says_so(tmp_path: Path) -> None:
    system = System(valid_keys=[NEW_KEYS], sick=True)
    plan = Desk(tmp_path).runner(AlpacaRotation(system.ports())).plan("alpaca-rotation", KEYS, "r")
    assert plan.notes == ("the old keys are dead already: there is no way back",)
    outcome = run(Desk(tmp_path / "run"), system, rotate_keys, "s")
    assert (outcome.phase, outcome.ok) == (Phase.FORWARD, False)
    assert system.secret["alpaca"] == NEW_KEYS


def test_after_a_rotation_a_plan_with_the_same_keys_shows_nothing_to_change(tmp_path: Path) -> None:
    system, desk = System(), Desk(tmp_path)
    run(desk, system, rotate_keys, "r")
    assert not desk.runner(AlpacaRotation(system.ports())).plan("alpaca-rotation", KEYS, "s").changes


def test_a_secret_changed_by_hand_between_plan_and_run_is_drift(tmp_path: Path) -> None:
    system, desk = System(), Desk(tmp_path)
    desk.runner(AlpacaRotation(system.ports())).plan("alpaca-rotation", KEYS, "r")
    system.secret["alpaca"] = {"key_id": "by-hand", "secret_key": "by-hand"}
    with pytest.raises(DriftError, match="not as plan r found it"):
        run(desk, system, rotate_keys, "r")


def test_a_secret_that_is_not_the_desired_one_is_drift(tmp_path: Path) -> None:
    system = System(committed={"secret.alpaca": "digest:another"})
    with pytest.raises(DriftError, match="somebody changed it by hand"):
        run(Desk(tmp_path), system, rotate_keys, "r")


def test_the_second_user_has_every_right_before_anybody_uses_it_and_the_next_is_the_first_again(tmp_path: Path) -> None:
    system = System()
    assert run(Desk(tmp_path), system, rotate_user, "r").ok
    assert system.permitted == {f"{USER}-2"}
    assert run(Desk(tmp_path / "again"), system, rotate_user, "r").ok
    assert list(system.users) == [USER]


def test_a_user_of_whom_nobody_approves_the_end_stays_and_both_work(tmp_path: Path) -> None:
    system, desk = System(), Desk(tmp_path)
    procedure = KafkaRotation(system.ports())
    outcome = desk.runner(procedure, approver=Yes(yes=False)).run("kafka-rotation", Request({"way": SECOND}), "r")
    assert (outcome.waits, sorted(system.users), system.ready) == (True, [USER, f"{USER}-2"], True)
    assert desk.runner(procedure).resume("r").ok
    assert list(system.users) == [f"{USER}-2"]


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        (
            "sasl_ssl://127.0.0.1:9093/1: SASL authentication error: Authentication failed due to invalid credentials",
            True,
        ),
        ("org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed", True),
        ('{"status": "degraded", "reason": "kafka_auth"}', True),
        ("Starting Python process with environment variables: {KAFKA_SECURITY_PROTOCOL=SASL_SSL}", False),
        ("sasl.mechanism = SCRAM-SHA-512, security.protocol = SASL_SSL", False),
    ],
)
def test_a_log_line_that_names_a_setting_is_no_refusal(line: str, *, refused: bool) -> None:
    assert any(word in line for word in REFUSALS) == refused
