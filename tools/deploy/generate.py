"""Manifests that follow from the product's own tables, so that nothing is written twice.

`python -m tools.deploy.generate` writes them; `--check` exits 1 when a file is not current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import yaml

from torghut.platform.flink.configuration import JOB_SETTINGS
from torghut.platform.kafka.acls import Acl, Resource, acls_of, username, usernames
from torghut.targets.kubernetes.names import AUTHORITY, ROTATED, passwords
from torghut.wire.topics import TOPICS, Role, Topic

DEPLOY: Final = Path("deploy")
CLUSTER: Final = "torghut"
"""The Kafka resource's name."""
CLIENTS_NAMESPACE: Final = "torghut"
"""Where those who use the Kafka users are; their Secrets are reflected there."""
_PROCEDURES: Final = "procedures"
_RBAC: Final = "rbac.authorization.k8s.io"
_API: Final = "kafka.strimzi.io/v1"
_RESOURCE_TYPES: Final = {
    Resource.TOPIC: "topic",
    Resource.GROUP: "group",
    Resource.TRANSACTIONAL_ID: "transactionalId",
}


def kafka_topic(topic: Topic) -> dict[str, Any]:
    """A KafkaTopic for a cluster of three brokers; an overlay with fewer patches `replicas` and `config`."""
    config = {key: int(value) if value.isdecimal() else value for key, value in topic.config().items()}
    return {
        "apiVersion": _API,
        "kind": "KafkaTopic",
        "metadata": {
            "name": topic.name,
            "labels": {"strimzi.io/cluster": CLUSTER},
            "annotations": {"torghut/holds": topic.holds, "torghut/key": topic.key},
        },
        "spec": {
            "partitions": topic.partitions[1],
            "replicas": 3,
            "config": {**config, "min.insync.replicas": 2},
        },
    }


def kafka_users() -> Iterator[dict[str, Any]]:
    """Every KafkaUser that there can be. Which of those of a rotated role are there, an overlay's `desired/` says."""
    for role in Role:
        if role in ROTATED:
            yield from (kafka_user(role, user, passwords(role)) for user in usernames(role))
        else:
            yield kafka_user(role, username(role), "")


def kafka_user(role: Role, user: str, secret: str) -> dict[str, Any]:
    """A KafkaUser with the role's permissions. Its Secret is reflected to where the role's pods are.

    With a `secret` its password is what stands there under its name; without one Strimzi makes it.
    """
    reflector = "reflector.v1.k8s.emberstack.com"
    given = {"password": {"valueFrom": {"secretKeyRef": {"name": secret, "key": user}}}} if secret else {}
    return {
        "apiVersion": _API,
        "kind": "KafkaUser",
        "metadata": {"name": user, "labels": {"strimzi.io/cluster": CLUSTER}},
        "spec": {
            "authentication": {"type": "scram-sha-512", **given},
            "authorization": {"type": "simple", "acls": list(_entries(acls_of(role, user)))},
            "template": {
                "secret": {
                    "metadata": {
                        "annotations": {
                            f"{reflector}/reflection-allowed": "true",
                            f"{reflector}/reflection-allowed-namespaces": CLIENTS_NAMESPACE,
                            f"{reflector}/reflection-auto-enabled": "true",
                            f"{reflector}/reflection-auto-namespaces": CLIENTS_NAMESPACE,
                        }
                    }
                }
            },
        },
    }


def procedures() -> Iterator[dict[str, Any]]:
    """What whoever runs procedures may do beside the brokers, object by object. No Secret is written."""
    users = [user for role in ROTATED for user in usernames(role)]
    given = [passwords(role) for role in ROTATED]
    topics = [topic.name for topic in TOPICS]
    yield _rbac(
        "Role",
        rules=[
            _rule("kafka.strimzi.io", "kafkausers", ["get", "create", "patch", "delete"], users),
            _rule("kafka.strimzi.io", "kafkatopics", ["list"]),
            _rule("kafka.strimzi.io", "kafkatopics", ["get", "create", "patch"], topics),
            _rule("bitnami.com", "sealedsecrets", ["get", "patch"], given),
            _rule("", "secrets", ["get"], [*users, *given, AUTHORITY]),
        ],
    )
    yield _rbac(
        "RoleBinding",
        roleRef={"apiGroup": _RBAC, "kind": "Role", "name": _PROCEDURES},
        subjects=[
            {"kind": "ServiceAccount", "name": _PROCEDURES, "namespace": CLIENTS_NAMESPACE},
            {"kind": "Group", "name": "torghut-operators", "apiGroup": _RBAC},
        ],
    )


def _rbac(kind: str, **rest: object) -> dict[str, Any]:
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": {"name": _PROCEDURES}, **rest}


def _rule(group: str, resource: str, verbs: list[str], names: list[str] | None = None) -> dict[str, Any]:
    named = {"resourceNames": names} if names else {}
    return {"apiGroups": [group], "resources": [resource], **named, "verbs": verbs}


def _entries(own: Iterable[Acl]) -> Iterator[dict[str, Any]]:
    for (resource, name, prefixed), group in groupby(own, lambda acl: (acl.resource, acl.name, acl.prefixed)):
        yield {
            "resource": {
                "type": _RESOURCE_TYPES[resource],
                "name": name,
                "patternType": "prefix" if prefixed else "literal",
            },
            "operations": _operations(group),
        }


def _operations(entries: Iterable[Acl]) -> list[str]:
    return [acl.operation.value.title() for acl in entries]


def flink_configuration() -> dict[str, Any]:
    """A patch of the FlinkDeployment with the settings that the job asks of any cluster."""
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": "torghut-ta"},
        "spec": {"flinkConfiguration": {key: _text(value) for key, value in JOB_SETTINGS.items()}},
    }


def _text(value: str | int | bool) -> str:  # noqa: FBT001 - a setting's value
    return str(value).lower() if isinstance(value, bool) else str(value)


def rendered() -> dict[Path, str]:
    """File to content, for every generated file."""
    kafka = DEPLOY / "components" / "kafka" / "namespaced"
    return {
        kafka / "topics.yaml": _document("torghut.wire.topics", map(kafka_topic, TOPICS)),
        kafka / "users.yaml": _document("torghut.platform.kafka.acls", kafka_users()),
        kafka / "procedures.yaml": _document("torghut.targets.kubernetes.names", procedures()),
        DEPLOY / "base" / "ta" / "configuration.yaml": _document(
            "torghut.platform.flink.configuration", [flink_configuration()]
        ),
    }


def _document(source: str, objects: Iterable[dict[str, Any]]) -> str:
    head = f"# Generated from `{source}` by `make manifests`. Change it there.\n"
    return head + yaml.safe_dump_all(objects, sort_keys=False, width=120)


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` only compare them."""
    if "--check" in arguments:
        stale = [str(path) for path, text in rendered().items() if not path.is_file() or path.read_text() != text]
        if stale:
            sys.stderr.write(f"not current: {', '.join(stale)}; run `make manifests`\n")
        return 1 if stale else 0
    for path, text in rendered().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
