from __future__ import annotations

from typing import Any

import msgspec
import pytest

from torghut.platform.kubernetes.flink import FlinkDeployment, FlinkStateSnapshot

WELL = {
    "observedGeneration": 2,
    "lifecycleState": "STABLE",
    "jobManagerDeploymentStatus": "READY",
    "jobStatus": {"state": "RUNNING"},
}


def deployment(image: str = "registry/torghut-job:v1", **status: Any) -> FlinkDeployment:
    thing = {"metadata": {"name": "ta", "generation": 2}, "spec": {"image": image}, "status": {**WELL, **status}}
    return msgspec.convert(thing, FlinkDeployment)


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("job:v1", "v1"),
        ("registry:5000/torghut-job:v1", "v1"),
        ("registry:5000/torghut-job", ""),
        ("job", ""),
        ("", ""),
    ],
)
def test_the_tag_is_what_stands_behind_the_name_and_no_port(image: str, tag: str) -> None:
    assert deployment(image).tag == tag


def test_what_is_stable_ready_and_running_has_no_trouble() -> None:
    assert (deployment().trouble, deployment().taken_up, deployment().hopeless) == ("", True, False)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"observedGeneration": 1}, "not taken up by the operator yet"),
        ({"lifecycleState": "UPGRADING"}, "UPGRADING, JobManager READY, job RUNNING"),
        ({"jobManagerDeploymentStatus": "DEPLOYING"}, "STABLE, JobManager DEPLOYING, job RUNNING"),
        ({"jobStatus": {"state": None}}, "STABLE, JobManager READY, job None"),
        ({"lifecycleState": "FAILED", "error": "plain\n  words"}, "FAILED, JobManager READY, job RUNNING: plain words"),
        (
            {"lifecycleState": "FAILED", "error": '{"type": "X", "message": "no such image"}'},
            "FAILED, JobManager READY, job RUNNING: no such image",
        ),
    ],
)
def test_trouble_is_said_in_the_operators_words(status: dict[str, Any], said: str) -> None:
    assert deployment(**status).trouble == said


def test_an_operator_that_does_not_say_what_it_saw_is_taken_at_its_word() -> None:
    assert deployment(observedGeneration=None).trouble == ""


def test_a_deployment_in_error_waits_for_another_wish_and_one_that_was_not_seen_yet_does_not() -> None:
    assert deployment(jobManagerDeploymentStatus="ERROR").hopeless
    assert not deployment(jobManagerDeploymentStatus="ERROR", observedGeneration=1).hopeless


@pytest.mark.parametrize(
    ("status", "uri", "failure"),
    [
        ({}, None, ""),
        ({"state": "IN_PROGRESS"}, None, ""),
        ({"state": "COMPLETED", "path": "s3a://b/x"}, "s3a://b/x", ""),
        ({"state": "FAILED", "error": "no space"}, None, "FAILED: no space"),
        ({"state": "ABANDONED"}, None, "ABANDONED: the operator does not say why"),
    ],
)
def test_a_snapshot_has_a_place_when_it_is_complete(status: dict[str, str], uri: str | None, failure: str) -> None:
    found = msgspec.convert({"metadata": {"name": "s"}, "status": status}, FlinkStateSnapshot)
    assert (found.uri, found.failure) == (uri, failure)
