"""`python -m drills.cluster up|audit|new-keys|down`: what `make drill-cluster` and its companions run."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Final

from drills.cluster.cluster import Cluster
from drills.cluster.errors import ClusterError
from drills.cluster.system import System
from torghut.platform.errors import PlatformError

_WORDS: Final = ("up", "audit", "new-keys", "down")


def main(arguments: list[str]) -> int:
    """1 when the audit found something, 2 when what was asked for is not possible here; it says why."""
    if len(arguments) != 1 or arguments[0] not in _WORDS:
        _say(f"wanted one of {', '.join(_WORDS)}")
        return 2
    cluster = Cluster.from_environment()
    given = os.environ.get("KUBECONFIG")
    if given and not Path(given).is_relative_to(cluster.places.home):
        _say(f"KUBECONFIG={given}: that cluster is used, there is nothing to start or to end")
        return 0
    try:
        if arguments == ["up"]:
            cluster.up(_say)
            System(cluster).up(_say)
            _say(f"ready: export KUBECONFIG={cluster.places.kubeconfig}; for procedures: . {_environment(cluster)}")
        elif arguments == ["audit"]:
            said = System(cluster).audit()
            sys.stdout.write(json.dumps(said, indent=2) + "\n")
            return 0 if said["verdict"] == "ok" else 1
        elif arguments == ["new-keys"]:
            key_id, secret_key = System(cluster).new_keys()
            _say("the feed made new keys, the old ones work for an hour:")
            sys.stdout.write(f"--secret key_id={key_id} --secret secret_key={secret_key}\n")
        else:
            cluster.down()
            _say("nothing is left of it")
    except (ClusterError, PlatformError, TimeoutError) as error:
        _say(str(error))
        return 2
    return 0


def _environment(cluster: Cluster) -> Path:
    return System(cluster).installation.environment_file


def _say(line: str) -> None:
    sys.stderr.write(f"{time.monotonic() - _START:7.1f} s  {line}\n")
    sys.stderr.flush()


_START: Final = time.monotonic()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
