"""Reading YAML as Kubernetes does: `=` is a string, and a file holds any number of documents."""

from __future__ import annotations

from typing import Any, Final

import yaml

Object = dict[str, Any]
"""A Kubernetes object, as its manifest has it."""


class _Loader(yaml.CSafeLoader):
    """Without the one implicit type that YAML 1.1 has and neither 1.2 nor Go's parser knows."""


_Loader.yaml_implicit_resolvers = {
    first: resolvers for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items() if first != "="
}

_LIST: Final = "List"


def parse(text: str | bytes) -> list[Object]:
    """The objects of a file, those in lists too."""
    found = (document for document in yaml.load_all(text, _Loader) if document)
    return [item for one in found for item in (one["items"] if one.get("kind") == _LIST else [one])]


def write(objects: list[Object]) -> str:
    """The objects as one file."""
    return yaml.safe_dump_all(objects, sort_keys=False, width=120)
