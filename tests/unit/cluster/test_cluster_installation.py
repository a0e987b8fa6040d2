from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from drills.cluster.installation import Installation
from drills.cluster.places import Places
from tools.deploy.overlays import objects

from torghut.platform.artifacts import cache_directory
from torghut.targets.kubernetes.desired_file import parse, render

DESIRED = Path("desired") / "kustomization.yaml"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(Places(tmp_path), cache_directory())
    made.refresh()
    return made


def overlay(installation: Installation) -> Path:
    return installation.deploy / "overlays" / "drill"


def test_a_clone_keeps_what_procedures_changed_and_what_was_sealed(installation: Installation) -> None:
    there = overlay(installation)
    wanted = parse((there / DESIRED).read_bytes(), "it")
    (there / DESIRED).write_bytes(render({**wanted, "workload.forwarder.count": "3"}))
    (there / "secrets" / "alpaca.yaml").write_text("sealed")
    installation.refresh()
    assert parse((there / DESIRED).read_bytes(), "it") == {**wanted, "workload.forwarder.count": "3"}
    assert (there / "secrets" / "alpaca.yaml").read_text() == "sealed"


def test_a_clone_from_before_gets_the_values_and_secrets_that_the_sources_have_got_since(
    installation: Installation,
) -> None:
    there = overlay(installation)
    wanted = parse((there / DESIRED).read_bytes(), "it")
    former = {name: value for name, value in wanted.items() if not name.startswith(("job.", "workload.job."))}
    (there / DESIRED).write_bytes(render(former))
    listed = there / "secrets" / "kustomization.yaml"
    listed.write_text(listed.read_text().replace("  - minio.yaml\n", ""))
    (there / "secrets" / "minio.yaml").unlink()
    installation.refresh()
    assert parse((there / DESIRED).read_bytes(), "it") == wanted
    assert "torghut-minio" in {one["metadata"]["name"] for one in objects("drill", installation.deploy)}


def test_it_is_a_repository_whose_tree_is_clean(installation: Installation) -> None:
    said = subprocess.run(
        ("git", "status", "--porcelain"), cwd=installation.clone, capture_output=True, check=True, text=True
    )
    assert said.stdout == ""
    assert (installation.deploy / "base").is_dir()
