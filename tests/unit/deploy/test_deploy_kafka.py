"""Topics, users and permissions in the manifests are those of the product's tables."""

from __future__ import annotations

from collections.abc import Iterator

from tests.unit.deploy.built import environment, kafka_clients, of_kind, pods, secrets_of, the

from torghut.platform.kafka.acls import Acl, Operation, Resource, acls, username
from torghut.wire.topics import TOPICS, Role


def test_there_is_a_topic_for_every_topic_of_the_contract(name: str) -> None:
    found = {one["metadata"]["name"]: one["spec"] for one in of_kind(name, "KafkaTopic")}
    assert found.keys() == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        assert found[topic.name]["partitions"] == topic.partitions[1]
        assert found[topic.name]["config"]["retention.ms"] == topic.retention_ms
        assert found[topic.name]["config"]["cleanup.policy"] == topic.cleanup


def test_every_permission_of_the_table_is_granted_and_no_other(name: str) -> None:
    granted = [acl for one in of_kind(name, "KafkaUser") for acl in permissions(one)]
    assert sorted(granted, key=repr) == sorted(acls(), key=repr)


def permissions(user: dict[str, dict[str, dict[str, list[dict[str, dict[str, str]]]]]]) -> Iterator[Acl]:
    types = {"topic": Resource.TOPIC, "group": Resource.GROUP, "transactionalId": Resource.TRANSACTIONAL_ID}
    for entry in user["spec"]["authorization"]["acls"]:
        resource = entry["resource"]
        for operation in entry["operations"]:
            yield Acl(
                user=str(user["metadata"]["name"]),
                resource=types[resource["type"]],
                name=resource["name"],
                operation=Operation(operation.lower()),
                prefixed=resource["patternType"] == "prefix",
            )


def test_every_role_has_a_user_and_nobody_is_above_the_permissions(name: str) -> None:
    assert {one["metadata"]["name"] for one in of_kind(name, "KafkaUser")} == {username(role) for role in Role}
    assert the(name, "Kafka", "torghut")["spec"]["kafka"]["authorization"] == {"type": "simple"}


def test_a_snapshot_is_there_before_a_restart_could_forget_the_users(name: str) -> None:
    config = the(name, "Kafka", "torghut")["spec"]["kafka"]["config"]
    assert config["metadata.log.max.snapshot.interval.ms"] <= 10_000


def test_topics_and_users_belong_to_the_cluster(name: str) -> None:
    cluster = the(name, "Kafka", "torghut")
    for one in of_kind(name, "KafkaTopic", "KafkaUser", "KafkaNodePool"):
        assert one["metadata"]["labels"]["strimzi.io/cluster"] == cluster["metadata"]["name"]
        assert one["metadata"]["namespace"] == cluster["metadata"]["namespace"]


def test_a_pod_has_the_password_of_the_user_that_it_is(name: str) -> None:
    for one in kafka_clients(name):
        user = environment(name, one)["KAFKA_USERNAME"]
        assert (user, "password") in set(secrets_of(one))
        assert not {(username(role), "password") for role in Role if username(role) != user} & set(secrets_of(one))


def test_the_secrets_are_reflected_to_where_the_pods_are(name: str) -> None:
    (namespace,) = {one.namespace for one in pods(name)}
    templates = [one["spec"]["template"]["secret"] for one in of_kind(name, "KafkaUser")]
    templates.append(the(name, "Kafka", "torghut")["spec"]["kafka"]["template"]["clusterCaCert"])
    for template in templates:
        annotations = template["metadata"]["annotations"]
        reflector = "reflector.v1.k8s.emberstack.com"
        assert annotations[f"{reflector}/reflection-allowed-namespaces"] == namespace
        assert annotations[f"{reflector}/reflection-auto-namespaces"] == namespace
        assert annotations[f"{reflector}/reflection-allowed"] == "true"
        assert annotations[f"{reflector}/reflection-auto-enabled"] == "true"


def test_clients_are_told_the_listener_that_the_cluster_has(name: str) -> None:
    cluster = the(name, "Kafka", "torghut")
    (listener,) = cluster["spec"]["kafka"]["listeners"]
    space = cluster["metadata"]["namespace"]
    for one in kafka_clients(name):
        servers = environment(name, one)["KAFKA_BOOTSTRAP_SERVERS"]
        assert servers == f"torghut-kafka-bootstrap.{space}.svc:{listener['port']}"
    assert (listener["tls"], listener["authentication"]) == (True, {"type": "scram-sha-512"})
