"""The file of an overlay that procedures write: `desired/kustomization.yaml`, as flat names and values.

Most values are literals that `deploy/components/wiring` carries to their places. Two have a section of their own: the
tag of the job's image, where every tool looks for tags, and the state that the job was last redeployed from, whose
fields must not be there at all before the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import yaml

from torghut.ops.errors import RefusedError
from torghut.targets.kubernetes.names import REDEPLOYED_FROM, REDEPLOYED_NONCE, TAG

_HEAD: Final = """\
# What procedures change (`torghut runbook`), and who changes it by hand while none fits. Each value stands here alone.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
"""
_IMAGE: Final = """\
images:
  - name: torghut-job
    newTag: {tag}
"""
_REDEPLOYED: Final = """\
patches:
  # The state that the job was last redeployed from, and a number that the operator had not seen before.
  - target: {{kind: FlinkDeployment}}
    patch: |-
      - {{op: add, path: /spec/job/initialSavepointPath, value: {uri}}}
      - {{op: add, path: /spec/job/savepointRedeployNonce, value: {nonce}}}
"""
_LITERALS: Final = """\
configMapGenerator:
  # Only manifests need it; it is not applied.
  - name: torghut-desired
    namespace: torghut
    options:
      disableNameSuffixHash: true
      annotations:
        config.kubernetes.io/local-config: "true"
    literals:
"""
_SECTIONS: Final = (TAG, REDEPLOYED_FROM, REDEPLOYED_NONCE)


def render(values: Mapping[str, str]) -> bytes:
    """The file with these values. State to redeploy from counts with its number only."""
    image = _IMAGE.format(tag=_scalar(values[TAG])) if values.get(TAG) else ""
    uri, nonce = values.get(REDEPLOYED_FROM, ""), values.get(REDEPLOYED_NONCE, "")
    redeployed = _REDEPLOYED.format(uri=msgspec.json.encode(uri).decode(), nonce=int(nonce)) if uri and nonce else ""
    literals = (f"{name}={value}" for name, value in sorted(values.items()) if name not in _SECTIONS)
    lines = "".join(f"      - {_scalar(literal)}\n" for literal in literals)
    return f"{_HEAD}{image}{redeployed}{_LITERALS}{lines}".encode()


def _scalar(text: str) -> str:
    """As YAML: plain where that means the same, in quotes where it would not."""
    try:
        plain = yaml.safe_load(f"- {text}") == [text]
    except yaml.YAMLError:
        plain = False
    return text if plain else msgspec.json.encode(text).decode()


def parse(content: bytes, what: str) -> dict[str, str]:
    """The values of the file.

    Raises:
        RefusedError: it is not of that form.
    """
    try:
        document = yaml.safe_load(content)
        (generated,) = document["configMapGenerator"]
        values = dict(literal.split("=", 1) for literal in generated["literals"] or ())
        return {**values, **_sections(document)}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"{what} cannot be understood ({error!r}): mend it in Git, then try again") from error


def _sections(document: dict[str, Any]) -> dict[str, str]:
    found = {}
    for image in document.get("images", ()):
        found[TAG] = str(image["newTag"])
    for patch in document.get("patches", ()):
        put = {one["path"].rpartition("/")[2]: one["value"] for one in yaml.safe_load(patch["patch"])}
        found[REDEPLOYED_FROM] = put["initialSavepointPath"]
        found[REDEPLOYED_NONCE] = str(put["savepointRedeployNonce"])
    return found
