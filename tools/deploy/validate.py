"""Every overlay builds, and every object of it is what its kind's schema says: `python -m tools.deploy.validate`.

The first time it builds its tools and makes the schemas; from then on it needs no network.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TextIO

from tools.deploy.overlays import ARGOCD, OVERLAYS, manifest
from tools.deploy.programs import KUBECONFORM, ensure_cluster, ensure_light
from tools.deploy.schemas import TEMPLATE, ensure_schemas
from torghut.platform.artifacts import Report, cache_directory
from torghut.platform.errors import JavaError, PlatformError
from torghut.platform.golang import program_path


def ensure(cache: Path, report: Report) -> Path:
    """What this needs; the directory with the schemas.

    Raises:
        PlatformError: Go, Maven, a newer Java or the network is missing.
    """
    ensure_light(cache, report)
    return ensure_schemas(cache, report)


def faults(cache: Path, schemas: Path, manifests: bytes) -> str:
    """What kubeconform says against the manifests; empty if nothing."""
    command = [
        str(program_path(cache, KUBECONFORM)),
        "-strict",
        "-schema-location",
        f"{schemas}/{TEMPLATE}",
    ]
    done = subprocess.run(command, input=manifests, capture_output=True, check=False, timeout=120)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).decode().strip()


def main(arguments: list[str]) -> int:
    """Check all of `deploy/`; 1 if something is wrong.

    With `--set-up` only make ready what that needs (as far as there is a Java for it: the product does with an older
    one), with `--set-up-server` also the API server for its tests.
    """
    cache = cache_directory()
    bad = 0
    try:
        schemas = ensure(cache, lambda line: _say(sys.stderr, f"deploy: {line}"))
        if "--set-up-server" in arguments:
            ensure_cluster(cache, lambda line: _say(sys.stderr, f"deploy: {line}"))
        for name in () if arguments else (*OVERLAYS, ARGOCD):
            said = faults(cache, schemas, manifest(name))
            bad += bool(said)
            _say(sys.stdout, f"deploy/{name}: {said or 'ok'}")
    except JavaError as error:
        _say(sys.stderr, f"deploy: the schemas of custom resources cannot be made, and are not checked: {error}")
        return 0 if arguments == ["--set-up"] else 2
    except PlatformError as error:
        _say(sys.stderr, str(error))
        return 2
    return 1 if bad else 0


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
