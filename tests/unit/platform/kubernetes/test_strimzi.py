from __future__ import annotations

import msgspec
from tests.unit.deploy.built import of_kind

from torghut.platform.kafka.acls import Acl, Operation, Resource, acls
from torghut.platform.kubernetes.strimzi import KafkaTopic, KafkaUser
from torghut.wire.topics import TOPICS


def test_the_users_of_the_manifests_get_the_permissions_of_the_products_table() -> None:
    users = [msgspec.convert(one, KafkaUser) for one in of_kind("drill", "KafkaUser")]
    assert {entry for user in users for entry in user.permissions()} == set(acls())


def test_a_topic_of_the_manifests_is_understood() -> None:
    topics = [msgspec.convert(one, KafkaTopic) for one in of_kind("drill", "KafkaTopic")]
    assert {topic.metadata.name for topic in topics} == {topic.name for topic in TOPICS}


def user(generation: int, observed: int, *conditions: dict[str, str]) -> KafkaUser:
    status = {"observedGeneration": observed, "conditions": list(conditions)}
    return msgspec.convert({"metadata": {"name": "u", "generation": generation}, "status": status}, KafkaUser)


READY = {"type": "Ready", "status": "True"}


def test_a_user_that_the_operator_made_as_it_is_wanted_is_no_trouble() -> None:
    assert user(2, 2, READY).trouble == ""


def test_a_user_is_not_in_force_before_the_operator_saw_its_newest_form() -> None:
    assert user(2, 1, READY).trouble == "not taken up by the user operator yet"


def test_why_a_user_is_not_ready_is_told_in_the_operators_words() -> None:
    refused = {"type": "NotReady", "status": "True", "message": "Secret s with key k does not exist"}
    assert user(1, 1, refused).trouble == "not ready (Secret s with key k does not exist)"
    assert "does not say why" in user(1, 1).trouble


def test_a_permission_that_the_product_knows_nothing_of_is_passed_by() -> None:
    rule = {"resource": {"type": "cluster"}, "operations": ["Alter"]}
    other = {"resource": {"type": "topic", "name": "t"}, "operations": ["All", "Read"]}
    spec = {"authorization": {"acls": [rule, other]}}
    found = msgspec.convert({"metadata": {"name": "u"}, "spec": spec}, KafkaUser)
    assert found.permissions() == {Acl("u", Resource.TOPIC, "t", Operation.READ)}
