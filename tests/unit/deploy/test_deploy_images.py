"""The Dockerfiles: linted, pinned, small, and nobody's root."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.deploy.built import pods, the
from tools.deploy.overlays import DEPLOY

from torghut.job.pod import LOGIN_FILE

HADOLINT = Path(sys.executable).with_name("hadolint")
ROOT = DEPLOY.parent


@pytest.fixture(params=["torghut", "job"])
def dockerfile(request: pytest.FixtureRequest) -> Path:
    return DEPLOY / "images" / str(request.param) / "Dockerfile"


def instructions(dockerfile: Path, name: str) -> list[str]:
    """The arguments of all instructions of that name, continuation lines joined."""
    text = re.sub(r"\\\n\s*", " ", dockerfile.read_text())
    return re.findall(rf"^{name} (.*)$", text, re.MULTILINE)


def lint(dockerfile: Path) -> str:
    return subprocess.run([HADOLINT, dockerfile], capture_output=True, text=True, check=False, timeout=60).stdout


def test_the_linter_has_nothing_to_say(dockerfile: Path) -> None:
    assert lint(dockerfile) == ""


def test_the_linter_would_say_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nRUN cd /tmp && sudo apt-get install curl\n")
    assert "DL3006" in lint(bad)


def test_every_base_is_pinned_by_a_digest_without_a_default(dockerfile: Path) -> None:
    stages = [line.split(" AS ")[-1] for line in instructions(dockerfile, "FROM")]
    for line in instructions(dockerfile, "FROM"):
        assert re.search(r"@\$\{[A-Z]+_DIGEST\}", line) or line in stages
    assert all("=" not in argument for argument in instructions(dockerfile, "ARG"))


def test_the_image_runs_as_the_user_that_the_pods_run_as(dockerfile: Path) -> None:
    context = the("prod", "Deployment", "forwarder")["spec"]["template"]["spec"]["securityContext"]
    assert instructions(dockerfile, "USER") == [f"{context['runAsUser']}:{context['runAsGroup']}"]


def test_packages_are_installed_with_their_hashes_only(dockerfile: Path) -> None:
    installs = [
        part.strip()
        for line in instructions(dockerfile, "RUN")
        for part in line.split("&&")
        if re.search(r"\bpip (install|sync)\b", part)
    ]
    assert installs
    assert all("--require-hashes" in part for part in installs)


def test_what_is_copied_is_there_and_is_let_through(dockerfile: Path) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in instructions(dockerfile, "COPY"):
        if not line.startswith("--from="):
            for source in line.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(Path(source).match(one) or source.startswith(f"{one}/") or source == one for one in allowed)


def test_nothing_is_let_through_unless_it_is_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in lines if line and not line.startswith("#")) == "*"


def test_the_job_runs_what_its_image_has(name: str) -> None:
    dockerfile = DEPLOY / "images" / "job" / "Dockerfile"
    script = the(name, "FlinkDeployment", "torghut-ta")["spec"]["job"]["args"][-1]
    assert any(line.endswith(f" {script}") for line in instructions(dockerfile, "COPY"))


def test_flink_writes_its_logs_where_a_volume_is(name: str) -> None:
    dockerfile = DEPLOY / "images" / "job" / "Dockerfile"
    (log,) = re.findall(r"FLINK_LOG_DIR=(\S+)", dockerfile.read_text())
    for one in pods(name):
        if one.owner.startswith("torghut-ta-"):
            assert log in {mount["mountPath"] for mount in one.container["volumeMounts"]}


def test_the_login_file_is_written_where_memory_is_mounted(name: str) -> None:
    for one in pods(name):
        if one.owner.startswith("torghut-ta-"):
            (mount,) = (at for at in one.container["volumeMounts"] if at["mountPath"] == str(LOGIN_FILE.parent))
            (volume,) = (volume for volume in one.spec["volumes"] if volume["name"] == mount["name"])
            assert volume["emptyDir"]["medium"] == "Memory"
