"""Which lease an instance takes: a Kubernetes Lease where one is named, else files on this machine."""

from __future__ import annotations

import os
import uuid

from torghut.config import ConfigError
from torghut.forwarder.kubernetes_lease import KubernetesLease
from torghut.forwarder.lease import FileLease, Lease
from torghut.forwarder.settings import ForwarderSettings
from torghut.platform.errors import KubernetesError
from torghut.platform.kubernetes.coordination import LeaseObject
from torghut.platform.kubernetes.in_cluster import InCluster


def open_lease(settings: ForwarderSettings) -> Lease:
    """The lease that the settings choose. Taking it is another matter.

    Raises:
        ConfigError: a Kubernetes Lease is named, and this is no pod.
    """
    if settings.lease_name is None:
        return FileLease(settings.lease_file, f"{settings.instance}/{os.getpid()}", settings.lease_ttl_s)
    try:
        cluster = InCluster.find()
        client = cluster.client(settings.lease_ttl_s / 8)
    except (KubernetesError, OSError) as error:
        raise ConfigError(f"LEASE_NAME={settings.lease_name}: {error}") from error
    # In a pod every process has the same number; who restarts is somebody else.
    holder = f"{settings.instance}/{uuid.uuid4().hex[:8]}"
    return KubernetesLease(LeaseObject(client, cluster.namespace, settings.lease_name), holder, settings.lease_ttl_s)
