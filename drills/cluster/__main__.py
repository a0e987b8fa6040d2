"""`python -m drills.cluster up|down`: what `make drill-cluster` and `make drill-cluster-down` run."""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from drills.cluster.cluster import Cluster
from drills.cluster.errors import ClusterError
from torghut.platform.errors import PlatformError

_WORDS: Final = ("up", "down")


def main(arguments: list[str]) -> int:
    """2 when that is not possible here; it says why."""
    if len(arguments) != 1 or arguments[0] not in _WORDS:
        _say(f"wanted one of {', '.join(_WORDS)}")
        return 2
    if os.environ.get("KUBECONFIG"):
        _say(f"KUBECONFIG={os.environ['KUBECONFIG']}: that cluster is used, there is nothing to start or to end")
        return 0
    cluster = Cluster.from_environment()
    try:
        if arguments == ["up"]:
            cluster.up(_say)
            _say(f"ready: export KUBECONFIG={cluster.places.kubeconfig}")
        else:
            cluster.down()
            _say("nothing is left of it")
    except (ClusterError, PlatformError, TimeoutError) as error:
        _say(str(error))
        return 2
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{time.monotonic() - _START:7.1f} s  {line}\n")
    sys.stderr.flush()


_START: Final = time.monotonic()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
