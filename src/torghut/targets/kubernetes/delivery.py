"""How what Git says comes into force: the overlay is built as it stands in the clone, and what changed is applied.

The objects that a change is about are applied whole, so that a run that was killed in between only does it again.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Final

import yaml

from torghut.ops.errors import RefusedError
from torghut.platform.kubernetes.api import Ref
from torghut.targets.kubernetes.place import Place, answers

_DEADLINE_S: Final = 60.0
_NAME_OF: Final = {"sealedsecret": "SealedSecret", "deployment": "Deployment"}


@dataclass(frozen=True)
class Delivery:
    """From the clone straight to the API server."""

    place: Place

    def bring(self, objects: tuple[Ref, ...]) -> None:
        """Make these objects what the overlay says.

        Raises:
            RefusedError: the overlay does not build, has no such object, or the API server refused it.
            UnavailableError: the API server does not answer.
        """
        built = self._build()
        for ref in objects:
            wanted = built.get((_NAME_OF[ref.kind.name], ref.name))
            if wanted is None:
                raise RefusedError(f"{ref} is not in {self.place.overlay_path}")
            with answers():
                self.place.api.apply(ref, wanted)

    def _build(self) -> dict[tuple[str, str], Any]:
        """The overlay's objects in the namespace, by kind and name."""
        found = yaml.safe_load_all(_kustomize(str(self.place.repository / self.place.overlay_path)))
        return {
            (one["kind"], one["metadata"]["name"]): one
            for one in found
            if one and one["metadata"].get("namespace") == self.place.namespace
        }


def _kustomize(directory: str) -> bytes:
    program = shutil.which("kustomize")
    kubectl = shutil.which("kubectl")
    if program is None and kubectl is None:
        raise RefusedError("building the overlay needs kustomize or kubectl: put one into PATH")
    command = (program, "build", directory) if program else (str(kubectl), "kustomize", directory)
    done = subprocess.run(command, capture_output=True, check=False, timeout=_DEADLINE_S)
    if done.returncode != 0:
        raise RefusedError(f"{directory} does not build: {done.stderr.decode(errors='replace').strip()[-400:]}")
    return done.stdout
