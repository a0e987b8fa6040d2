"""The step into the node's namespaces: `python -m drills.cluster.enter HOME` becomes the node's parent.

It joins the node's cgroups first, so that they are the root of its cgroup namespace. What it becomes waits for the node
and takes it along when it is killed.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from drills.cluster import cgroups

_NAMESPACES: Final = ("--pid", "--mount", "--net", "--cgroup", "--ipc", "--uts")


def main(arguments: list[str]) -> None:
    """Become it; does not return."""
    cgroups.join()
    node = (sys.executable, "-m", "drills.cluster.node", *arguments)
    command = ("unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", "--", *node)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
