"""Writes `deploy/monitoring`: `python -m tools.monitoring.generate`; `--check` exits 1 when a file is not current."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import yaml

from tools.monitoring.dashboards import BOARDS, render
from torghut.monitoring.alerts import rules

FOLDER: Final = Path("deploy/monitoring")
_MADE: Final = "# Made by `make manifests` from src/torghut/monitoring; do not edit.\n"


def rendered() -> dict[Path, str]:
    """Every file with its content."""
    found = {FOLDER / "dashboards" / f"{board.uid}.json": render(board) for board in BOARDS}
    found[FOLDER / "alerts.yaml"] = _MADE + _yaml(rules())
    found[FOLDER / "prometheusrule.yaml"] = _MADE + _yaml(_resource())
    return found


def _resource() -> dict[str, Any]:
    """The same for the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "torghut", "namespace": "torghut"},
        "spec": rules(),
    }


def _yaml(document: object) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)
    return text


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` only compare them."""
    files = rendered()
    made = {*(FOLDER / "dashboards").glob("*.json"), *files}
    stale = sorted(
        str(path) for path in made if path not in files or not path.is_file() or path.read_text() != files[path]
    )
    if "--check" in arguments:
        if stale:
            sys.stderr.write(f"not current ({', '.join(stale)}): run `make manifests`\n")
        return 1 if stale else 0
    (FOLDER / "dashboards").mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        path.write_text(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
