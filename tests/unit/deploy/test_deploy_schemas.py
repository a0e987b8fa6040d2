"""Every object is what its kind's schema says; and the schemas say no where they should."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest
from tests.unit.deploy.built import overlay, the
from tools.deploy.documents import Object, parse, write
from tools.deploy.generate import rendered
from tools.deploy.overlays import ARGOCD, DEPLOY, manifest
from tools.deploy.schemas import custom_schemas, ensure_schemas, strict
from tools.deploy.validate import faults

from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import JavaError
from torghut.platform.kubernetes.flink import savepoint_order
from torghut.targets.kubernetes.desired_file import parse as parse_desired
from torghut.targets.kubernetes.desired_file import render
from torghut.targets.kubernetes.names import JOB, REDEPLOYED_FROM, REDEPLOYED_NONCE, SUBMISSION, TAG


@pytest.fixture(scope="session")
def schemas() -> Path:
    try:
        return ensure_schemas(cache_directory())
    except JavaError as error:
        pytest.skip(str(error))


def said_of(one: Object, schemas: Path) -> str:
    return faults(cache_directory(), schemas, write([one]).encode())


def test_every_object_fits_its_schema(name: str, schemas: Path) -> None:
    assert faults(cache_directory(), schemas, manifest(name)) == ""


def test_argo_cds_own_objects_fit_their_schemas(schemas: Path) -> None:
    assert faults(cache_directory(), schemas, manifest(ARGOCD)) == ""


@pytest.mark.parametrize(
    ("kind", "called", "path"),
    [
        ("Deployment", "forwarder", ("spec", "template", "spec", "securityContext")),
        ("Lease", "torghut-forwarder", ()),
        ("NetworkPolicy", "to-alpaca", ("spec",)),
        ("FlinkDeployment", "torghut-ta", ("spec", "job")),
        ("FlinkDeployment", "torghut-ta", ("spec", "podTemplate", "spec", "securityContext")),
        ("Kafka", "torghut", ("spec", "kafka")),
        ("KafkaNodePool", "broker", ("spec",)),
        ("KafkaTopic", "torghut.trades.v1", ("spec",)),
        ("KafkaUser", "torghut-ta", ("spec", "authentication")),
        ("ServiceMonitor", "forwarder", ("spec",)),
        ("PodMonitor", "ta", ("spec",)),
    ],
)
def test_a_field_that_nobody_knows_is_refused(kind: str, called: str, path: tuple[str, ...], schemas: Path) -> None:
    one = copy.deepcopy(the("prod", kind, called))
    assert said_of(one, schemas) == ""
    place = one
    for step in path:
        place = place[step]
    place["unheardOf"] = "value"
    assert "unheardOf" in said_of(one, schemas)


def test_a_savepoint_that_procedures_order_fits_its_schema(schemas: Path) -> None:
    order = savepoint_order({"name": "torghut-ta-r-savepoint", "namespace": "torghut", "annotations": {}}, JOB, 2)
    assert said_of(order, schemas) == ""
    order["spec"]["savepoint"]["unheardOf"] = "value"
    assert "unheardOf" in said_of(order, schemas)


def test_a_job_that_was_redeployed_from_a_state_fits_its_schema(tmp_path: Path, schemas: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    file = tmp_path / "deploy" / "overlays" / "prod" / "desired" / "kustomization.yaml"
    uri, nonce = "s3a://b/checkpoints/r/deploy/x/chk-7", str(2**48 - 1)
    wanted = {**parse_desired(file.read_bytes(), "it"), REDEPLOYED_FROM: uri, REDEPLOYED_NONCE: nonce, TAG: "17"}
    file.write_bytes(render({**wanted, SUBMISSION: "r/deploy"}))
    built = manifest("prod", tmp_path / "deploy")
    assert faults(cache_directory(), schemas, built) == ""
    (job,) = (one["spec"] for one in parse(built) if one["kind"] == "FlinkDeployment")
    assert (job["job"]["initialSavepointPath"], job["job"]["savepointRedeployNonce"]) == (uri, int(nonce))
    assert (job["image"].rpartition(":")[2], job["podTemplate"]["metadata"]["annotations"]["torghut/submission"]) == (
        "17", "r/deploy",
    )  # fmt: skip


def test_a_value_of_a_wrong_type_is_refused(schemas: Path) -> None:
    one = copy.deepcopy(the("prod", "KafkaTopic", "torghut.trades.v1"))
    one["spec"]["partitions"] = "twelve"
    assert "partitions" in said_of(one, schemas)


def test_a_kind_without_a_schema_is_refused(schemas: Path) -> None:
    assert "could not find schema" in said_of(
        {"apiVersion": "x.io/v1", "kind": "X", "metadata": {"name": "x"}}, schemas
    )


def test_a_field_may_be_called_as_a_keyword_is() -> None:
    schema = {"type": "object", "properties": {"description": {"type": "string"}, "default": {"type": "object"}}}
    assert strict(schema)["properties"].keys() == {"description", "default"}


def test_a_schema_that_leaves_fields_open_stays_open() -> None:
    schema = {"type": "object", "properties": {"a": {}}, "x-kubernetes-preserve-unknown-fields": True}
    assert "additionalProperties" not in strict(schema)


def test_every_version_of_a_custom_kind_has_a_schema() -> None:
    version = {"schema": {"openAPIV3Schema": {"type": "object", "properties": {}}}}
    spec = {"group": "x.io", "names": {"kind": "Thing"}, "versions": [{"name": one, **version} for one in ("v1", "v2")]}
    assert [file for file, _ in custom_schemas([{"spec": spec}])] == ["x.io/thing_v1.json", "x.io/thing_v2.json"]


def test_the_generated_manifests_are_current() -> None:
    root = DEPLOY.parent
    assert all((root / path).read_text() == text for path, text in rendered().items())


def test_every_object_is_there_once(name: str) -> None:
    keys = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in overlay(name)]
    assert len(keys) == len(set(keys))


def test_every_object_is_in_a_namespace_of_ours(name: str) -> None:
    inside = [one for one in overlay(name) if one["kind"] != "Namespace"]
    spaces = {one["metadata"]["name"] for one in overlay(name) if one["kind"] == "Namespace"}
    assert {one["metadata"]["namespace"] for one in inside} == spaces


def test_lists_are_taken_apart() -> None:
    assert parse("{kind: List, items: [{kind: A}, {kind: B}]}") == [{"kind": "A"}, {"kind": "B"}]


def test_an_equals_sign_is_a_string() -> None:
    assert parse("kind: =") == [{"kind": "="}]
