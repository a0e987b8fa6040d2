"""Argo CD may put there what is there, in an order that works, and does not fight the operators."""

from __future__ import annotations

import pytest
from tests.unit.deploy.built import of_kind, overlay
from tools.deploy.documents import Object
from tools.deploy.overlays import ARGOCD, DEPLOY, objects

WAVE = "argocd.argoproj.io/sync-wave"


def argo(kind: str) -> Object:
    (found,) = (one for one in objects(ARGOCD) if one["kind"] == kind)
    return found


def wave(one: Object) -> int:
    return int(one["metadata"].get("annotations", {}).get(WAVE, "0"))


def group(one: Object) -> str:
    api, separator, _ = one["apiVersion"].partition("/")
    return str(api) if separator else ""


def permitted(one: Object, entries: list[dict[str, str]]) -> bool:
    return any(entry["group"] == group(one) and entry["kind"] in (one["kind"], "*") for entry in entries)


def test_the_project_permits_every_object(name: str) -> None:
    spec = argo("AppProject")["spec"]
    for one in overlay(name):
        list_ = "clusterResourceWhitelist" if one["kind"] == "Namespace" else "namespaceResourceWhitelist"
        assert permitted(one, spec[list_]), (one["kind"], one["metadata"]["name"])


def test_the_project_permits_no_secret_and_no_right_beyond_the_namespaces() -> None:
    spec = argo("AppProject")["spec"]
    assert spec["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace"}]
    assert not permitted({"apiVersion": "v1", "kind": "Secret"}, spec["namespaceResourceWhitelist"])
    assert {one["namespace"] for one in spec["destinations"]} == {"torghut", "kafka"}


def test_the_application_is_of_the_project_and_its_overlay_exists() -> None:
    project, spec = argo("AppProject"), argo("Application")["spec"]
    assert spec["project"] == project["metadata"]["name"]
    assert spec["source"]["repoURL"] in project["spec"]["sourceRepos"]
    assert (DEPLOY.parent / spec["source"]["path"] / "kustomization.yaml").is_file()


def test_what_git_does_not_say_is_undone() -> None:
    assert argo("Application")["spec"]["syncPolicy"]["automated"] == {"selfHeal": True, "prune": True}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Namespace", "NetworkPolicy"),
        ("NetworkPolicy", "Kafka"),
        ("SealedSecret", "Deployment"),
        ("ServiceAccount", "Deployment"),
        ("Kafka", "KafkaTopic"),
        ("Kafka", "KafkaUser"),
        ("KafkaTopic", "FlinkDeployment"),
        ("KafkaUser", "Deployment"),
        ("KafkaTopic", "Deployment"),
    ],
)
def test_what_is_needed_comes_before_who_needs_it(name: str, before: str, after: str) -> None:
    assert max(map(wave, of_kind(name, before))) < min(map(wave, of_kind(name, after)))


@pytest.mark.parametrize("monitored", ["dev", "prod"])
def test_who_is_watched_comes_before_who_watches(monitored: str) -> None:
    watching = of_kind(monitored, "PodMonitor", "ServiceMonitor", "PrometheusRule")
    assert max(map(wave, of_kind(monitored, "Deployment"))) < min(map(wave, watching))


def test_what_operators_write_is_no_drift() -> None:
    rules = {one["kind"]: one for one in argo("Application")["spec"]["ignoreDifferences"]}
    assert "managedFieldsManagers" in rules["FlinkDeployment"]
    assert rules["Lease"]["jsonPointers"] == ["/spec"]


def test_what_people_change_by_hand_is_drift() -> None:
    rules = {one["kind"]: one for one in argo("Application")["spec"]["ignoreDifferences"]}
    assert "jsonPointers" not in rules["FlinkDeployment"]
    assert "jqPathExpressions" not in rules["FlinkDeployment"]


def test_the_lease_in_git_says_nothing_of_its_holder(name: str) -> None:
    assert all("spec" not in one for one in of_kind(name, "Lease"))
