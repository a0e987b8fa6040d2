"""Where things of the drill cluster are: directories, addresses and names. One cluster at a time on a machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "torghut-drill"
"""Of the cgroups and of the machine's end of the link to the node."""
NODE: Final = "drill"
"""The node's name in the cluster."""

HOST_ADDRESS: Final = "10.89.77.1"
NODE_ADDRESS: Final = "10.89.77.2"
PREFIX: Final = 30
PODS: Final = "10.244.0.0/16"
SERVICES: Final = "10.96.0.0/16"
FIRST_SERVICE: Final = "10.96.0.1"
"""The API server's own, as pods know it."""
DOMAIN: Final = "cluster.local"

API_PORT: Final = 6443
ETCD_PORT: Final = 2379
ETCD_PEER_PORT: Final = 2380
KUBELET_PORT: Final = 10250


@dataclass(frozen=True)
class Places:
    """The directory of a cluster and what is in it. All of it goes when the cluster does."""

    home: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """`$DRILL_CLUSTER_HOME`, by default `.torghut-cluster` in the working directory."""
        return cls(Path(environment.get("DRILL_CLUSTER_HOME") or ".torghut-cluster").absolute())

    @property
    def node_file(self) -> Path:
        """Which process the node is."""
        return self.home / "node.json"

    @property
    def kubeconfig(self) -> Path:
        """An administrator's (0600)."""
        return self.home / "kubeconfig"

    @property
    def secrets(self) -> Path:
        """Certificates, keys and tokens (0700)."""
        return self.home / "secrets"

    @property
    def logs(self) -> Path:
        """One file for each process of the node."""
        return self.home / "logs"

    @property
    def data(self) -> Path:
        """What etcd, containerd, the kubelet and Kafka keep."""
        return self.home / "data"

    @property
    def settings(self) -> Path:
        """Configuration files of the daemons."""
        return self.home / "settings"

    @property
    def url(self) -> str:
        """The API server, from this machine and from the node."""
        return f"https://{NODE_ADDRESS}:{API_PORT}"
