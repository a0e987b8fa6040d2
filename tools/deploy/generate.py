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
from torghut.platform.kafka.acls import Acl, Resource, acls, username
from torghut.wire.topics import TOPICS, Role, Topic

DEPLOY: Final = Path("deploy")
CLUSTER: Final = "torghut"
"""The Kafka resource's name."""
CLIENTS_NAMESPACE: Final = "torghut"
"""Where those who use the Kafka users are; their Secrets are reflected there."""
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


def kafka_user(role: Role) -> dict[str, Any]:
    """A KafkaUser with the role's permissions. Its Secret is reflected to where the role's pods are."""
    reflector = "reflector.v1.k8s.emberstack.com"
    return {
        "apiVersion": _API,
        "kind": "KafkaUser",
        "metadata": {"name": username(role), "labels": {"strimzi.io/cluster": CLUSTER}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": list(_entries(username(role)))},
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


def _entries(user: str) -> Iterator[dict[str, Any]]:
    own = [acl for acl in acls() if acl.user == user]
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
        kafka / "users.yaml": _document("torghut.platform.kafka.acls", map(kafka_user, Role)),
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
