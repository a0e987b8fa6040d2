"""How what Git says comes into force: the overlay is built as it stands in the clone, and what changed is applied.

The objects that a change is about are applied whole, so that a run that was killed in between only does it again.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import yaml

from torghut.ops.errors import RefusedError
from torghut.platform.kubernetes.api import Ref
from torghut.targets.kubernetes.place import Place, answers

_DEADLINE_S: Final = 60.0
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Where it was built with libyaml: an overlay is a hundred kilobytes, which Python alone reads for a second."""
_NAME_OF: Final = {
    "sealedsecret": "SealedSecret",
    "deployment": "Deployment",
    "flinkdeployment": "FlinkDeployment",
    "kafkauser": "KafkaUser",
    "kafkatopic": "KafkaTopic",
}
_WHOLE: Final = frozenset({"sealedsecret", "kafkauser", "kafkatopic"})
"""Kinds whose `spec` nobody but Git writes into: what Git does not say of it is taken away."""


class _Specified(msgspec.Struct, frozen=True):
    spec: dict[str, Any] = {}


def surplus(there: object, wanted: object) -> dict[str, Any] | None:
    """A merge patch that takes away what is there and not wanted; None when there is nothing of that kind."""
    if not isinstance(there, dict) or not isinstance(wanted, dict):
        return None
    within = {name: surplus(there[name], wanted[name]) for name in there.keys() & wanted.keys()}
    gone: dict[str, Any] = dict.fromkeys(there.keys() - wanted.keys())
    return {**gone, **{name: patch for name, patch in within.items() if patch is not None}} or None


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
        built = self._build() if objects else {}
        for ref in objects:
            wanted = built.get((_NAME_OF[ref.kind.name], ref.namespace, ref.name))
            if wanted is None:
                raise RefusedError(f"{ref} is not in {self.place.overlay_path}")
            with answers():
                if ref.kind.name in _WHOLE:
                    self._take_away(ref, wanted)
                self.place.api.apply(ref, wanted)

    def _take_away(self, ref: Ref, wanted: Any) -> None:  # noqa: ANN401 - an object as YAML has it
        """What others wrote into its `spec`, since an apply leaves that to them."""
        there = self.place.api.find(ref, _Specified)
        if there is not None and (patch := surplus(there.spec, wanted["spec"])) is not None:
            self.place.api.patch(ref, {"spec": patch})

    def _build(self) -> dict[tuple[str, str, str], Any]:
        """The overlay's objects, by kind, namespace and name."""
        found = yaml.load_all(_kustomize(str(self.place.repository / self.place.overlay_path)), _LOADER)
        return {
            (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in found if one
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
