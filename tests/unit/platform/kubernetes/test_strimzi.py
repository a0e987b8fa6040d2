from __future__ import annotations

import msgspec
from tests.unit.deploy.built import of_kind

from torghut.platform.kafka.acls import acls
from torghut.platform.kubernetes.strimzi import KafkaTopic, KafkaUser
from torghut.wire.topics import TOPICS


def test_the_users_of_the_manifests_get_the_permissions_of_the_products_table() -> None:
    users = [msgspec.convert(one, KafkaUser) for one in of_kind("drill", "KafkaUser")]
    assert {entry for user in users for entry in user.permissions()} == set(acls())


def test_a_topic_of_the_manifests_is_understood() -> None:
    topics = [msgspec.convert(one, KafkaTopic) for one in of_kind("drill", "KafkaTopic")]
    assert {topic.metadata.name for topic in topics} == {topic.name for topic in TOPICS}
