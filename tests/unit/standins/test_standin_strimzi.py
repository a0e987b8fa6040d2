"""The stand-in for Strimzi's operators and reflector, by what their documentation says; the broker is a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest
from drills.standins.strimzi import StandIn
from tests.unit.targets.played_cluster import PlayedCluster, coded

from torghut.platform.kafka.acls import Acl, Operation, Resource
from torghut.platform.kubernetes.api import KAFKA_USER, SECRET, Ref
from torghut.targets.kubernetes.reflection import REFLECTED

USER = Ref(KAFKA_USER, "kafka", "u")
SOURCE, COPY = Ref(SECRET, "kafka", "u"), Ref(SECRET, "torghut", "u")
AUTO = "reflector.v1.k8s.emberstack.com/reflection-auto-namespaces"


class Objects(PlayedCluster):
    """Objects on which nobody acts."""

    def act(self) -> None:
        """Nobody is there."""


class Table:
    """The broker."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.granted: set[Acl] = set()

    def set_passwords(self, passwords: dict[str, str]) -> None:
        self.passwords |= passwords

    def remove_user(self, user: str) -> None:
        self.passwords.pop(user, None)

    def allow(self, entries: Iterable[Acl]) -> None:
        self.granted |= set(entries)

    def forbid(self, entries: Iterable[Acl]) -> None:
        self.granted -= set(entries)

    def forget_permissions(self, user: str) -> None:
        self.granted = {entry for entry in self.granted if entry.user != user}


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def standin(objects: Objects, table: Table) -> StandIn:
    return StandIn(objects.api(), cast("Any", table), cast("Any", None), "authority")


def want(objects: Objects, password: dict[str, Any] | None = None, operations: tuple[str, ...] = ("Read",)) -> None:
    acl = {"resource": {"type": "topic", "name": "t"}, "operations": list(operations)}
    spec = {
        "authentication": {"type": "scram-sha-512", **({"password": password} if password else {})},
        "authorization": {"type": "simple", "acls": [acl]},
        "template": {"secret": {"metadata": {"annotations": {AUTO: "torghut"}}}},
    }
    objects.put({"kind": "KafkaUser", "metadata": {"name": "u", "namespace": "kafka"}, "spec": spec})


def given(key: str = "u") -> dict[str, Any]:
    return {"valueFrom": {"secretKeyRef": {"name": "passwords", "key": key}}}


def give(objects: Objects, password: str) -> None:
    meta = {"name": "passwords", "namespace": "kafka"}
    objects.put({"kind": "Secret", "metadata": meta, "data": coded({"u": password})})


def test_a_password_is_made_once_and_kept(objects: Objects, table: Table, standin: StandIn) -> None:
    want(objects)
    standin.reconcile()
    first = table.passwords["u"]
    want(objects, operations=("Read", "Write"))
    standin.reconcile()
    assert table.passwords["u"] == objects.secret("kafka", "u")["password"] == first


def test_an_emptied_password_is_made_anew(objects: Objects, table: Table, standin: StandIn) -> None:
    want(objects)
    standin.reconcile()
    first = table.passwords["u"]
    source = objects.things[SOURCE.path]
    objects.put({**source, "data": {}})
    standin.reconcile()
    assert table.passwords["u"] == objects.secret("kafka", "u")["password"] != first


def test_a_password_that_is_given_is_the_users(objects: Objects, table: Table, standin: StandIn) -> None:
    give(objects, "one")
    want(objects, given())
    standin.reconcile()
    assert (
        table.passwords["u"] == objects.secret("kafka", "u")["password"] == objects.secret("torghut", "u")["password"]
    )
    assert table.passwords["u"] == "one"


def test_another_given_password_is_taken_up_when_the_user_is_touched(
    objects: Objects, table: Table, standin: StandIn
) -> None:
    give(objects, "one")
    want(objects, given())
    for _ in range(2):
        standin.reconcile()
    give(objects, "two")
    standin.reconcile()
    assert table.passwords["u"] == "one"
    objects.things[USER.path]["metadata"]["annotations"] = {"touched": "now"}
    standin.reconcile()
    assert table.passwords["u"] == "two"


def test_a_password_that_is_not_there_is_told_in_the_status(objects: Objects, table: Table, standin: StandIn) -> None:
    want(objects, given())
    standin.reconcile()
    (condition,) = objects.things[USER.path]["status"]["conditions"]
    assert (condition["type"], "passwords" in condition["message"], table.passwords) == ("NotReady", True, {})


def test_permissions_follow_the_user(objects: Objects, table: Table, standin: StandIn) -> None:
    want(objects, operations=("Read", "Write"))
    standin.reconcile()
    want(objects, operations=("Read",))
    standin.reconcile()
    assert table.granted == {Acl("u", Resource.TOPIC, "t", Operation.READ)}


def test_of_a_user_that_went_nothing_is_left(objects: Objects, table: Table, standin: StandIn) -> None:
    want(objects)
    for _ in range(2):
        standin.reconcile()
    del objects.things[USER.path]
    for _ in range(2):
        standin.reconcile()
    assert (table.passwords, table.granted) == ({}, set())
    assert SOURCE.path not in objects.things
    assert COPY.path not in objects.things


def test_a_copy_that_somebody_changed_is_made_anew_when_its_version_is_emptied(
    objects: Objects, standin: StandIn
) -> None:
    want(objects)
    for _ in range(2):
        standin.reconcile()
    objects.put({**objects.things[COPY.path], "data": coded({"password": "by hand"})})
    standin.reconcile()
    assert objects.secret("torghut", "u")["password"] == "by hand"
    objects.things[COPY.path]["metadata"]["annotations"][REFLECTED] = ""
    standin.reconcile()
    assert objects.secret("torghut", "u") == objects.secret("kafka", "u")
