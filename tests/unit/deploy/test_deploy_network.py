"""The walls, against their intent: everybody reaches what they need, and nobody anything else."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import product

import pytest
from tests.unit.deploy.built import environment, kafka_clients, of_kind, pods, the
from tests.unit.deploy.walls import Address, Party, Pod, matches, passes

KAFKA = {"strimzi.io/cluster": "torghut"}


def parties(name: str) -> dict[str, Party]:
    """Ours as the manifests label them, the others as their projects do."""
    ours = {
        one.owner: Pod(
            one.namespace,
            one.labels,
            {port["name"]: port["containerPort"] for port in one.container.get("ports", ())},
        )
        for one in pods(name)
    }
    return {
        **ours,
        "broker": Pod("kafka", {**KAFKA, "strimzi.io/kind": "Kafka"}),
        "entity-operator": Pod("kafka", {**KAFKA, "strimzi.io/name": "torghut-entity-operator"}),
        "strimzi": Pod("strimzi", {"name": "strimzi-cluster-operator"}),
        "flink-operator": Pod("flink-operator", {"app.kubernetes.io/name": "flink-kubernetes-operator"}),
        "dns": Pod("kube-system", {"k8s-app": "kube-dns"}),
        "minio": Pod("minio", {"app": "minio"}),
        "prometheus": Pod("monitoring", {"app.kubernetes.io/name": "prometheus"}),
        "ingress": Pod("ingress", {}, {}, {"torghut/ingress": "true"}),
        "stranger": Pod("default", {"app.kubernetes.io/name": "forwarder"}),
        "stray pod": Pod("torghut", {"run": "debug"}),
        "api-server": Address("10.0.0.1"),
        "api-server's proxy": Address("192.0.2.1"),
        "alpaca": Address("35.190.0.1"),
        "metadata": Address("169.254.169.254"),
        "neighbour": Address("192.168.1.7"),
    }


PORTS = (
    53,
    80,
    443,
    5432,
    6123,
    6443,
    8080,
    8081,
    8088,
    8443,
    8765,
    8766,
    8767,
    9000,
    9091,
    9092,
    9093,
    9108,
    9249,
    9404,
)
JOB = ("torghut-ta-jobmanager", "torghut-ta-taskmanager")
CLIENTS = ("forwarder", "console", "ta-status", *JOB)
CLUSTER = ("broker", "entity-operator")

OUTSIDE = {("forwarder", "alpaca", 443), ("forwarder", "api-server's proxy", 443)}
"""Alpaca's addresses are any that are not private; the second is one that nobody has."""

INTENT = {
    *product([*CLIENTS, *CLUSTER, "stray pod"], ["dns"], [53]),
    *product(CLIENTS, ["broker"], [9093]),
    *product(["forwarder", *JOB, *CLUSTER], ["api-server"], [443, 6443]),
    *OUTSIDE,
    *product(JOB, ["minio"], [9000]),
    *product(JOB, JOB, PORTS),
    *product(["ta-status", "console", "flink-operator"], ["torghut-ta-jobmanager"], [8081]),
    *product(["console"], ["forwarder"], [8080, 9108]),
    *product(["prometheus"], ["forwarder"], [9108]),
    *product(["prometheus"], JOB, [9249]),
    *product(["api-server's proxy"], ["forwarder"], [8080, 9108]),
    ("api-server's proxy", "torghut-ta-jobmanager", 8081),
    ("prometheus", "broker", 9404),
    *product(["ingress", "prometheus"], ["console"], [8088]),
    *product(CLUSTER, CLUSTER, PORTS),
    *product(["strimzi"], CLUSTER, PORTS),
}
"""Source, destination, port: who may talk to whom. Everything else with one of ours at an end may not."""

SIMULATED = (INTENT - OUTSIDE) | {
    *product(["forwarder"], ["sim"], [8765, 8766]),
    ("sim", "dns", 53),
}
"""The same with the simulator in Alpaca's place."""


def ours(name: str) -> set[str]:
    return {one.owner for one in pods(name)} | set(CLUSTER) | {"stray pod"}


def test_who_may_talk_to_whom_is_what_is_meant(name: str) -> None:
    policies, everybody = of_kind(name, "NetworkPolicy"), parties(name)
    inside = ours(name)
    found = {
        (source, destination, port)
        for source, destination, port in product(everybody, everybody, PORTS)
        if (source in inside or destination in inside) and source != destination
        if passes(policies, everybody[source], everybody[destination], port)
    }
    intent = SIMULATED if "sim" in inside else INTENT
    assert found == {one for one in intent if one[0] != one[1]}


def test_everybody_of_ours_may_resolve_names(name: str) -> None:
    policies, everybody = of_kind(name, "NetworkPolicy"), parties(name)
    for source in ours(name):
        assert passes(policies, everybody[source], everybody["dns"], 53, "UDP")


def test_nobody_else_may_be_asked_for_names(name: str) -> None:
    policies, everybody = of_kind(name, "NetworkPolicy"), parties(name)
    for source, destination in product(ours(name), ("stranger", "alpaca", "minio")):
        assert not passes(policies, everybody[source], everybody[destination], 53, "UDP")


def test_a_pod_that_is_labelled_as_ours_in_another_namespace_is_a_stranger(name: str) -> None:
    policies, everybody = of_kind(name, "NetworkPolicy"), parties(name)
    assert not passes(policies, everybody["stranger"], everybody["broker"], 9093)


def test_the_listener_admits_the_namespace_of_its_clients(name: str) -> None:
    """Strimzi makes a policy of its own from this; a connection needs one that lets it in, so it must not be wider."""
    (listener,) = the(name, "Kafka", "torghut")["spec"]["kafka"]["listeners"]
    (peer,) = listener["networkPolicyPeers"]
    admitted = [one for one in parties(name).values() if isinstance(one, Pod) and admits(peer, one)]
    assert {one.namespace for one in admitted} == {"torghut"}


def admits(peer: dict[str, dict[str, dict[str, str]]], pod: Pod) -> bool:
    return matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": pod.namespace})


def test_every_address_block_is_one(name: str) -> None:
    for policy in of_kind(name, "NetworkPolicy"):
        for rule in policy["spec"].get("egress", ()):
            for block in (peer["ipBlock"] for peer in rule.get("to", ()) if "ipBlock" in peer):
                assert all(ip_network(one) for one in (block["cidr"], *block.get("except", ())))


def test_every_namespace_has_a_wall_around_all_its_pods(name: str) -> None:
    for space in (one["metadata"]["name"] for one in of_kind(name, "Namespace")):
        walls = [one for one in of_kind(name, "NetworkPolicy") if one["metadata"]["namespace"] == space]
        specs = [one["spec"] for one in walls]
        assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in specs


def test_every_namespace_refuses_pods_that_ask_for_more_than_they_need(name: str) -> None:
    for space in of_kind(name, "Namespace"):
        assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_where_the_programs_are_sent_they_may_go(name: str) -> None:
    policies, everybody = of_kind(name, "NetworkPolicy"), parties(name)
    by_host = {"torghut-kafka-bootstrap.kafka.svc": "broker", "torghut-ta-rest": "torghut-ta-jobmanager"}
    for one in kafka_clients(name):
        told = environment(name, one)
        for place in (told["KAFKA_BOOTSTRAP_SERVERS"], told.get("FLINK_REST_URL", "").removeprefix("http://")):
            host, _, port = place.partition(":")
            assert not place or passes(policies, everybody[one.owner], everybody[by_host[host]], int(port))


@pytest.mark.parametrize("operator", ["In", "NotIn", "Exists", "DoesNotExist"])
def test_selectors_are_read_as_kubernetes_reads_them(operator: str) -> None:
    expression = {"key": "a", "operator": operator, "values": ["1"]}
    choices: list[dict[str, str]] = [{}, {"a": "1"}, {"a": "2"}]
    found = [labels for labels in choices if matches({"matchExpressions": [expression]}, labels)]
    wanted = {
        "In": [{"a": "1"}],
        "NotIn": [{}, {"a": "2"}],
        "Exists": [{"a": "1"}, {"a": "2"}],
        "DoesNotExist": [{}],
    }
    assert found == wanted[operator]


@pytest.mark.parametrize("monitored", ["dev", "prod"])
def test_every_monitor_finds_what_it_watches_and_may_reach_it(monitored: str) -> None:
    policies, everybody = of_kind(monitored, "NetworkPolicy"), parties(monitored)
    for monitor in of_kind(monitored, "ServiceMonitor"):
        (service,) = (
            one
            for one in of_kind(monitored, "Service")
            if matches(monitor["spec"]["selector"], one["metadata"].get("labels", {}))
        )
        ports = {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}
        watched = [one for one in pods(monitored) if matches({"matchLabels": service["spec"]["selector"]}, one.labels)]
        for endpoint, one in product(monitor["spec"]["endpoints"], watched):
            pod = everybody[one.owner]
            assert isinstance(pod, Pod)
            assert passes(policies, everybody["prometheus"], pod, pod.ports[ports[endpoint["port"]]])
        assert watched
    for monitor in of_kind(monitored, "PodMonitor"):
        space = monitor["metadata"]["namespace"]
        selected = [
            one
            for one in everybody.values()
            if isinstance(one, Pod) and one.namespace == space and matches(monitor["spec"]["selector"], one.labels)
        ]
        assert selected
