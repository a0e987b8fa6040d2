"""Overlays are built by kustomize, which `make setup-deploy` puts into the cache."""

from __future__ import annotations

import pytest
from tools.deploy.overlays import OVERLAYS
from tools.deploy.programs import KUBECONFORM, KUSTOMIZE

from torghut.platform.artifacts import cache_directory
from torghut.platform.golang import program_path


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    for program in (KUSTOMIZE, KUBECONFORM):
        if not program_path(cache_directory(), program).is_file():
            pytest.fail(f"{program.name} is not in the cache: run `make setup-deploy`")


@pytest.fixture(params=OVERLAYS)
def name(request: pytest.FixtureRequest) -> str:
    """An overlay; every test runs for each."""
    found: str = request.param
    return found
