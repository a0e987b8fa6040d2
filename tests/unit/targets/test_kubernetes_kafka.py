"""Kafka's procedures on Kubernetes: the real procedures and adapters over a played cluster (`played_cluster`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.unit.ops.world import Desk, Killed, Yes
from tests.unit.targets.played_cluster import FIRST, PlayedCluster, coded
from tests.unit.targets.played_ports import installation, ports_of

from torghut.ops.errors import PreconditionError, RefusedError, UnavailableError
from torghut.ops.procedure import Request
from torghut.ops.runner import Outcome
from torghut.ops.state import Phase
from torghut.platform.kubernetes.api import DEPLOYMENT, KAFKA_USER, SEALED_SECRET, SECRET, Ref
from torghut.runbooks.kafka_diagnosis import first_cause
from torghut.runbooks.kafka_ports import Cause
from torghut.runbooks.kafka_produce_failure import KafkaProduceFailure
from torghut.runbooks.kafka_rotation import IN_PLACE, SECOND, KafkaRotation
from torghut.runbooks.ports import Change
from torghut.targets.kubernetes import kafka_secrets
from torghut.targets.kubernetes.brokers import Brokers
from torghut.targets.kubernetes.delivery import surplus
from torghut.targets.kubernetes.place import Place

WHY = Change("because", "run-1/step")
USER, OTHER = "torghut-forwarder", "torghut-forwarder-2"
SEALED = Ref(SEALED_SECRET, "kafka", "torghut-forwarder-passwords")
COPY = Ref(SECRET, "torghut", USER)
FILE = "deploy/overlays/drill/secrets/kafka-forwarder.yaml"


@pytest.fixture
def made(tmp_path: Path, programs: None) -> Iterator[tuple[Place, PlayedCluster]]:  # noqa: ARG001 - they are needed
    place, cluster = installation(tmp_path)
    yield place, cluster
    place.api.close()


@pytest.fixture
def place(made: tuple[Place, PlayedCluster]) -> Place:
    return made[0]


@pytest.fixture
def cluster(made: tuple[Place, PlayedCluster]) -> PlayedCluster:
    return made[1]


def rotate(desk: Desk, place: Place, cluster: PlayedCluster, way: str, yes: Yes | None = None) -> Outcome:
    procedure = KafkaRotation(ports_of(place, cluster))
    return desk.runner(procedure, approver=yes).run("kafka-rotation", Request({"way": way}), "r")


def mend(desk: Desk, place: Place, cluster: PlayedCluster) -> Outcome:
    procedure = KafkaProduceFailure(ports_of(place, cluster))
    return desk.runner(procedure).run("kafka-produce-failure", Request(), "m")


def cause(place: Place, cluster: PlayedCluster) -> Cause | None:
    found = first_cause(ports_of(place, cluster).kafka, deep=True)
    return found.cause if found else None


def sealed_users(place: Place) -> set[str]:
    return set(yaml.safe_load(place.git.content(FILE) or b"")["spec"]["encryptedData"])


def test_the_forwarder_moves_to_a_second_user_by_one_restart_and_the_first_is_gone(
    tmp_path: Path, place: Place, cluster: PlayedCluster
) -> None:
    outcome = rotate(Desk(tmp_path / "desk"), place, cluster, SECOND)
    assert outcome.ok, outcome.what
    assert (list(cluster.users.keys() - {"torghut-ta", "torghut-audit"}), cluster.restarts) == ([OTHER], 1)
    assert (cluster.pod["login"]["username"], cluster.reason()) == (OTHER, "ok")
    assert sealed_users(place) == {OTHER}
    assert ports_of(place, cluster).desired.drift() == ()


def test_the_next_rotation_goes_back_to_the_first_name(tmp_path: Path, place: Place, cluster: PlayedCluster) -> None:
    for turn in ("one", "two"):
        assert rotate(Desk(tmp_path / turn), place, cluster, SECOND).ok
    assert cluster.pod["login"]["username"] == USER
    assert cluster.pod["login"] != FIRST
    assert sealed_users(place) == {USER}


def test_the_same_user_gets_another_password(tmp_path: Path, place: Place, cluster: PlayedCluster) -> None:
    outcome = rotate(Desk(tmp_path / "desk"), place, cluster, IN_PLACE)
    assert outcome.ok, outcome.what
    login = cluster.pod["login"]
    assert (login["username"], cluster.reason(), cluster.restarts) == (USER, "ok", 1)
    assert login["password"] != FIRST["password"]
    assert ports_of(place, cluster).desired.drift() == ()


@pytest.mark.parametrize("way", [SECOND, IN_PLACE])
def test_a_plan_changes_nothing(tmp_path: Path, place: Place, cluster: PlayedCluster, way: str) -> None:
    before = cluster.version, place.git.log()[0].sha
    procedure = KafkaRotation(ports_of(place, cluster))
    plan = Desk(tmp_path / "desk").runner(procedure).plan("kafka-rotation", Request({"way": way}), "p")
    assert (plan.changes, (cluster.version, place.git.log()[0].sha)) == (True, before)


def test_no_password_is_in_git(tmp_path: Path, place: Place, cluster: PlayedCluster) -> None:
    assert rotate(Desk(tmp_path / "desk"), place, cluster, IN_PLACE).ok
    text = b"".join(path.read_bytes() for path in (place.repository / place.overlay_path).rglob("*.yaml"))
    assert cluster.pod["login"]["password"].encode() not in text


@pytest.mark.parametrize("way", [SECOND, IN_PLACE])
def test_a_forwarder_that_does_not_come_back_has_its_first_login_again(
    tmp_path: Path, place: Place, cluster: PlayedCluster, way: str
) -> None:
    cluster.sick = True
    assert rotate(Desk(tmp_path / "desk"), place, cluster, way).phase is Phase.UNDONE
    assert (cluster.pod["login"], cluster.reason()) == (FIRST, "ok")
    assert (cluster.users[USER], OTHER in cluster.users) == (FIRST["password"], False)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", [SECOND, IN_PLACE])
@pytest.mark.parametrize("bad", [False, True])
def test_killed_before_and_after_every_change_and_resumed_it_ends_in_the_new_state_or_the_old_one(
    tmp_path: Path, place: Place, way: str, *, bad: bool
) -> None:
    """One run for each moment, a second or two each."""
    del place  # only its programs
    for moment in range(1000):
        there, cluster = installation(tmp_path / str(moment))
        cluster.unread, cluster.fuse.left = bad, moment
        desk = Desk(tmp_path / str(moment) / "desk")
        try:
            rotate(desk, there, cluster, way)
        except Killed:
            cluster.fuse.left = None
            outcome = rotate(desk, there, cluster, way)
            if not outcome.phase.is_over:
                outcome = desk.runner(KafkaRotation(ports_of(there, cluster))).resume("r")
        else:
            break
        assert outcome.phase is (Phase.UNDONE if bad else Phase.DONE), (moment, outcome.what)
        assert (cluster.reason(), cluster.pod["login"] == FIRST) == ("ok", bad), moment
        assert ports_of(there, cluster).desired.drift() == (), moment
        there.api.close()
    assert moment >= 8


def test_a_copy_that_stalls_is_written_by_hand_when_somebody_says_yes(
    tmp_path: Path, place: Place, cluster: PlayedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("_COPIED_S", "_RESTORED_S"):
        monkeypatch.setattr(kafka_secrets, patience, 0.1)
    cluster.stalled = True
    approver = Yes()
    assert rotate(Desk(tmp_path / "desk"), place, cluster, IN_PLACE, approver).ok
    assert any("does not follow its source" in question for question in approver.asked)
    assert (cluster.reason(), cluster.pod["login"] != FIRST) == ("ok", True)


def test_without_a_yes_it_stops_before_the_forwarder_is_restarted_without_its_password(
    tmp_path: Path, place: Place, cluster: PlayedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_secrets, "_COPIED_S", 0.1)
    cluster.stalled = True
    outcome = rotate(Desk(tmp_path / "desk"), place, cluster, IN_PLACE, Yes(yes=False))
    assert (outcome.waits, cluster.restarts) == (True, 0)


def test_the_user_that_the_forwarder_is_cannot_be_removed(place: Place, cluster: PlayedCluster) -> None:
    with pytest.raises(RefusedError, match=f"kafkauser/kafka/{USER} is who the forwarder logs in as"):
        ports_of(place, cluster).kafka_users.remove(USER, WHY)


@pytest.mark.parametrize("user", ["torghut-forwarder-3", "torghut-audit"])
def test_there_is_no_other_user_that_procedures_make(place: Place, cluster: PlayedCluster, user: str) -> None:
    with pytest.raises(RefusedError, match=f"not {user}"):
        ports_of(place, cluster).kafka_users.put(user, "a-password", "forwarder", WHY)


def test_the_job_is_left_out_while_it_does_not_run(place: Place, cluster: PlayedCluster) -> None:
    assert ports_of(place, cluster).workloads.instances("job") == ()


def test_a_login_that_is_strimzis_to_make_is_none_that_is_rotated_here(place: Place, cluster: PlayedCluster) -> None:
    with pytest.raises(RefusedError, match=r"kafka\.audit is no secret that procedures change.*--set roles=forwarder"):
        ports_of(place, cluster).secrets.live("kafka.audit")


def test_another_user_in_the_deployment_is_drift(place: Place, cluster: PlayedCluster) -> None:
    deployment = cluster.get(Ref(DEPLOYMENT, "torghut", "forwarder"))
    assert deployment is not None
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    next(one for one in variables if one["name"] == "KAFKA_USERNAME")["value"] = "somebody"
    assert ports_of(place, cluster).desired.drift() == (
        f"kafka.user.forwarder: Git says {USER}, deployment/torghut/forwarder has somebody",
    )


def test_a_second_user_made_by_hand_is_drift(place: Place, cluster: PlayedCluster) -> None:
    cluster.put({"kind": "KafkaUser", "metadata": {"name": OTHER, "namespace": "kafka"}, "spec": {}})
    assert ports_of(place, cluster).desired.drift() == (
        f"kafka.absent.{OTHER}: Git says true, kafkauser/kafka/{OTHER} has false",
    )


def test_the_authority_is_told_to_be_strimzis(tmp_path: Path, place: Place, cluster: PlayedCluster) -> None:
    procedure = KafkaRotation(ports_of(place, cluster))
    with pytest.raises(PreconditionError, match=r"nothing was changed.*strimzi\.io/force-renew=true"):
        Desk(tmp_path / "desk").runner(procedure).run("kafka-rotation", Request({"ca": "yes"}), "r")


# How the brokers are reached


def test_the_brokers_are_where_the_environment_says_and_else_where_pods_find_them(place: Place) -> None:
    assert Brokers(place, {"KAFKA_BOOTSTRAP_SERVERS": "outside:9094"}).servers == "outside:9094"
    assert Brokers(place, {}).servers == "torghut-kafka-bootstrap.kafka.svc:9093"


def test_whom_to_trust_is_what_pods_mount(place: Place, cluster: PlayedCluster) -> None:
    with pytest.raises(UnavailableError, match=r"secret/torghut/torghut-cluster-ca-cert has no ca\.crt"):
        Brokers(place, {}).truststore()
    trust(cluster, "torghut", "an authority")
    assert Brokers(place, {}).truststore().read_text() == "an authority"


def test_a_client_is_told_everything_but_through_arguments(place: Place, cluster: PlayedCluster) -> None:
    trust(cluster, "torghut", "an authority")
    told = Brokers(place, {}).client(FIRST)
    assert (told["security.protocol"], told["sasl.mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (told["sasl.username"], told["sasl.password"]) == (FIRST["username"], FIRST["password"])


# The authority's copy


def trust(cluster: PlayedCluster, namespace: str, authority: str) -> None:
    meta = {"name": "torghut-cluster-ca-cert", "namespace": namespace}
    cluster.put({"kind": "Secret", "metadata": meta, "data": coded({"ca.crt": authority})})


def test_a_truststore_that_is_not_strimzis_is_copied_and_one_that_is_is_told(
    place: Place, cluster: PlayedCluster
) -> None:
    cluster.stalled = True
    trust(cluster, "kafka", "new")
    trust(cluster, "torghut", "old")
    repair = ports_of(place, cluster).kafka_repair
    repair.restore_truststore(WHY)
    assert cluster.secret("torghut", "torghut-cluster-ca-cert") == {"ca.crt": "new"}
    with pytest.raises(RefusedError, match="secret/torghut/torghut-cluster-ca-cert is what Strimzi says"):
        repair.restore_truststore(WHY)


# What is broken is named, and mended from Git


def delete_user(cluster: PlayedCluster) -> None:
    del cluster.things[Ref(KAFKA_USER, "kafka", USER).path]
    cluster.nudges.pop(USER)


def take_a_right(cluster: PlayedCluster) -> None:
    user = cluster.things[Ref(KAFKA_USER, "kafka", USER).path]
    cluster.put({**user, "spec": {**user["spec"], "authorization": {"acls": []}}})


def change_the_copy(cluster: PlayedCluster) -> None:
    copy = cluster.things[COPY.path]
    cluster.put({**copy, "data": coded({"password": "another"})})
    restart(cluster)


def change_the_password(cluster: PlayedCluster) -> None:
    cluster.users[USER] = "another"


def limit(cluster: PlayedCluster) -> None:
    user = cluster.things[Ref(KAFKA_USER, "kafka", USER).path]
    cluster.put({**user, "spec": {**user["spec"], "quotas": {"producerByteRate": 1000}}})


def restart(cluster: PlayedCluster) -> None:
    deployment = cluster.things[Ref(DEPLOYMENT, "torghut", "forwarder").path]
    deployment["spec"]["template"]["metadata"]["annotations"]["by"] = "hand"


BROKEN = [
    (delete_user, Cause.USER),
    (take_a_right, Cause.ACL),
    (change_the_copy, Cause.COPY),
    (change_the_password, Cause.PASSWORD),
    (limit, Cause.QUOTA),
]


@pytest.mark.parametrize(("break_it", "wanted"), BROKEN)
def test_what_is_broken_is_named_and_mended(
    tmp_path: Path, place: Place, cluster: PlayedCluster, break_it: object, wanted: Cause
) -> None:
    assert callable(break_it)
    assert cause(place, cluster) is None
    break_it(cluster)
    cluster.act()
    assert cause(place, cluster) is wanted
    outcome = mend(Desk(tmp_path / "desk"), place, cluster)
    assert outcome.ok, outcome.what
    assert (cause(place, cluster), cluster.reason()) == (None, "ok")


@pytest.mark.parametrize("strange", [Cause.CONNECT, Cause.TLS, Cause.TLS_EXPIRED, Cause.TLS_WRONG_HOST])
def test_what_strimzi_mends_is_told_with_the_object(place: Place, cluster: PlayedCluster, strange: Cause) -> None:
    assert "kafka/kafka/torghut" in ports_of(place, cluster).kafka_repair.of_others(strange)


def test_what_git_does_not_say_is_taken_away_and_the_rest_is_left() -> None:
    there = {"kept": 1, "changed": {"a": 1, "b": {"c": 2}}, "gone": {"x": 1}, "list": [1, 2]}
    wanted = {"kept": 2, "changed": {"b": {}}, "list": [1], "new": 1}
    assert surplus(there, wanted) == {"gone": None, "changed": {"a": None, "b": {"c": None}}}
    assert surplus(wanted, wanted) is None
