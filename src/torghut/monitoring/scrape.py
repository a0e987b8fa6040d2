"""The configuration of a Prometheus that watches one local stack. JSON, which is YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

INTERVAL = "5s"


def configuration(targets: Mapping[str, tuple[str, ...]], rules: Path) -> dict[str, Any]:
    """Scrape these jobs (name to `host:port` or `host:port/path`), and judge by the rules in the file."""
    return {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL, "scrape_timeout": "4s"},
        "rule_files": [str(rules)],
        "scrape_configs": [_job(name, addresses) for name, addresses in targets.items() if addresses],
    }


def _job(name: str, addresses: tuple[str, ...]) -> dict[str, Any]:
    path = addresses[0].partition("/")[2]
    return {
        "job_name": name,
        "metrics_path": f"/{path or 'metrics'}",
        "static_configs": [{"targets": [address.partition("/")[0] for address in addresses]}],
    }
