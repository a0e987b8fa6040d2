"""JSON Schemas of every kind, strict, for kubeconform.

Kubernetes' own kinds come from the OpenAPI document in its module, custom ones from their definitions. Strict: a field
that a schema does not name is an error, where the API server would drop it in silence.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from tools.deploy.crds import ensure_crds, load_crds
from tools.deploy.documents import Object
from tools.deploy.programs import KUBERNETES_VERSION
from torghut.platform.artifacts import Report
from torghut.platform.errors import storage_errors
from torghut.platform.golang import ensure_module

Schema = dict[str, Any]

TEMPLATE: Final = "{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"
"""How kubeconform finds a kind's schema below the directory. The group of the core kinds is `v1`."""

_NUMBER_OR_TEXT: Final[Schema] = {"anyOf": [{"type": "string"}, {"type": "number"}]}
_LOOSE: Final = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _NUMBER_OR_TEXT,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _NUMBER_OR_TEXT,
}
_REFERENCE: Final = "#/definitions/"


def ensure_schemas(cache: Path, report: Report = lambda _line: None) -> Path:
    """The directory with the schemas of Kubernetes' own and all custom kinds.

    Raises:
        PlatformError: Maven, Go, Java or the network is missing.
    """
    crds = ensure_crds(cache, report)
    stamp = hashlib.sha256(Path(__file__).read_bytes() + KUBERNETES_VERSION.encode()).hexdigest()[:12]
    target = cache / f"schemas-{crds.name.removeprefix('crds-')}-{stamp}"
    if target.is_dir():
        return target
    report("schemas of Kubernetes (once; 40 MB)")
    module = ensure_module("k8s.io/kubernetes", KUBERNETES_VERSION)
    document = msgspec.json.decode((module / "api" / "openapi-spec" / "swagger.json").read_bytes())
    with storage_errors(cache), tempfile.TemporaryDirectory(prefix=".schemas.", dir=cache) as temporary:
        fresh = Path(temporary) / "schemas"
        for file, schema in (*core_schemas(document["definitions"]), *custom_schemas(load_crds(crds))):
            (fresh / file).parent.mkdir(parents=True, exist_ok=True)
            (fresh / file).write_bytes(msgspec.json.encode(schema))
        fresh.rename(target)
    return target


def core_schemas(definitions: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """File and schema of each kind of the OpenAPI document."""
    closed = {name: _LOOSE.get(name) or strict(schema) for name, schema in definitions.items()}
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            needed = _needed(name, closed)
            body = {"$ref": f"{_REFERENCE}{name}", "definitions": {one: closed[one] for one in needed}}
            yield _file(kind["group"] or kind["version"], kind["kind"], kind["version"]), body


def custom_schemas(crds: list[Object]) -> Iterator[tuple[str, Schema]]:
    """File and schema of each version of each custom kind."""
    for crd in crds:
        spec = crd["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # The API server knows these of every kind; few definitions name them.
            named = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
            schema["properties"] = {**schema["properties"], **named}
            yield _file(spec["group"], spec["names"]["kind"], version["name"]), schema


def _file(group: str, kind: str, version: str) -> str:
    return f"{group}/{kind.lower()}_{version}.json"


def strict(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """The schema, refusing fields that it does not name; what Kubernetes says beyond JSON Schema is taken along."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return _NUMBER_OR_TEXT
    closed = {key: _part(key, part) for key, part in schema.items() if key != "description"}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if schema.get("type") == "object" and "properties" in schema and not open_ended:
        closed["additionalProperties"] = False
    return _nullable(closed) if schema.get("nullable") else closed


def _part(key: str, part: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Below `properties` stand names of fields, which may be called as keywords are."""
    if key == "properties":
        return {name: strict(field) for name, field in part.items()}
    return part if key in ("enum", "default") else strict(part)


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _needed(name: str, definitions: dict[str, Schema]) -> list[str]:
    """The definition's name and those of all that it refers to."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += _references(definitions[one])
    return list(found)


def _references(schema: Any) -> list[str]:  # noqa: ANN401 - any part of a schema
    if isinstance(schema, list):
        return [name for part in schema for name in _references(part)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("$ref")
    below = [name for part in schema.values() for name in _references(part)]
    return [own.removeprefix(_REFERENCE), *below] if isinstance(own, str) else below
