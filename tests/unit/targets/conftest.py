from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.targets.played_ports import Installed, with_job
from tools.deploy.programs import KUSTOMIZE

from torghut.platform.artifacts import cache_directory
from torghut.platform.golang import program_path


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What whoever runs procedures has in PATH."""
    program = program_path(cache_directory(), KUSTOMIZE)
    if not program.is_file():
        pytest.fail("kustomize is not in the cache: run `make setup-deploy`")
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "kustomize").symlink_to(program)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")


@pytest.fixture
def installed(tmp_path: Path, programs: None) -> Iterator[Installed]:  # noqa: ARG001 - they have to be there
    """The overlay `drill` in a played cluster, with the job."""
    found = with_job(tmp_path)
    yield found
    found[0].api.close()
