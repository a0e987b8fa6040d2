from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.deploy.built import overlay
from tools.deploy.overlays import DEPLOY, OVERLAYS

from torghut.ops.errors import PreconditionError, RefusedError
from torghut.platform.kafka.acls import username, usernames
from torghut.targets.kubernetes.desired import SEALED, WORKLOADS
from torghut.targets.kubernetes.desired_file import parse, render
from torghut.targets.kubernetes.names import (
    JOB_TOKEN,
    PARALLELISM,
    REDEPLOYED_FROM,
    REDEPLOYED_NONCE,
    ROTATED,
    SETTING,
    SETTINGS,
    START_FROM,
    SUBMISSION,
    TAG,
    passwords,
)
from torghut.targets.kubernetes.secrets import KEYS, digest_of
from torghut.targets.kubernetes.target import Absent

words = st.text(string.ascii_letters + string.digits + "-_:/.=", min_size=1, max_size=30)


@given(st.dictionaries(words.filter(lambda name: "=" not in name), words, max_size=5))
def test_the_file_says_what_was_written(values: dict[str, str]) -> None:
    assert parse(render(values), "it") == values


@pytest.mark.parametrize("tag", ["v2", "0.1.0", "1.0", "17", "on", "2026-11-24"])
def test_a_tag_and_a_state_to_start_from_are_read_as_they_were_written(tag: str) -> None:
    values = {TAG: tag, SUBMISSION: "17", REDEPLOYED_FROM: "s3a://b/savepoints/x", REDEPLOYED_NONCE: "123456789012345"}
    assert parse(render(values), "it") == values


@pytest.mark.parametrize("content", [b"", b"kind: Component", b"configMapGenerator: [{literals: [1]}]", b"{"])
def test_a_file_of_another_form_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(RefusedError, match="the file cannot be understood"):
        parse(content, "the file")


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_overlay_has_a_value_for_everything_that_procedures_change(name: str) -> None:
    file = DEPLOY / "overlays" / name / "desired" / "kustomization.yaml"
    found = parse(file.read_bytes(), str(file))
    changed = [f"workload.{workload}.{what}" for workload in WORKLOADS for what in ("count", "token")]
    digests = [f"secret.{secret}" for secret in (*SEALED, *(f"kafka.{role.value}" for role in ROTATED))]
    users = [f"kafka.absent.{user}" for role in ROTATED for user in usernames(role)]
    job = [TAG, SUBMISSION, START_FROM, PARALLELISM, JOB_TOKEN, *(f"{SETTING}{setting}" for setting in SETTINGS)]
    names = [*changed, *digests, *users, *job, *(f"kafka.user.{role.value}" for role in ROTATED)]
    assert sorted(found) == sorted(names)
    assert render(found) == file.read_bytes()


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_sealed_secret_has_the_keys_that_procedures_write(name: str) -> None:
    sealed = {
        one["metadata"]["name"]: one["spec"]["encryptedData"] for one in overlay(name) if one["kind"] == "SealedSecret"
    }
    wanted = {SEALED[secret][0]: set(keys.values()) for secret, keys in KEYS.items()}
    wanted |= {passwords(role): {username(role)} for role in ROTATED}
    assert wanted == {secret: set(data) for secret, data in sealed.items()}


def test_a_digest_follows_the_values_and_not_their_order() -> None:
    one = digest_of({"key_id": "PK1", "secret_key": "a"})
    assert one == digest_of({"secret_key": "a", "key_id": "PK1"})
    assert one != digest_of({"key_id": "PK1", "secret_key": "b"})


def test_a_digest_holds_nothing_of_the_values() -> None:
    assert "PK1" not in digest_of({"key_id": "PK1"})


def test_what_is_not_there_yet_is_told_and_changes_nothing() -> None:
    with pytest.raises(PreconditionError, match=r"the store's users.*nothing was changed"):
        Absent("the store's users").remove("somebody")
