"""An overlay, built."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from tools.deploy.documents import Object, parse
from tools.deploy.programs import KUSTOMIZE
from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import PlatformError
from torghut.platform.golang import program_path

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
OVERLAYS: Final = tuple(sorted(path.name for path in (DEPLOY / "overlays").iterdir() if path.is_dir()))
ARGOCD: Final = "argocd"
_DEADLINE_S: Final = 60.0


class OverlayError(PlatformError):
    """An overlay does not build. The message is kustomize's."""


def manifest(name: str, deploy: Path = DEPLOY) -> bytes:
    """What is applied for the overlay, or for Argo CD itself (`argocd`).

    Raises:
        OverlayError: it does not build.
    """
    directory = deploy / ARGOCD if name == ARGOCD else deploy / "overlays" / name
    command = [str(program_path(cache_directory(), KUSTOMIZE)), "build", str(directory)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=_DEADLINE_S)
    if done.returncode != 0:
        raise OverlayError(f"{directory} does not build: {done.stderr.decode().strip()}")
    return done.stdout


def objects(name: str, deploy: Path = DEPLOY) -> list[Object]:
    """The same, as objects.

    Raises:
        OverlayError: it does not build.
    """
    return parse(manifest(name, deploy))
