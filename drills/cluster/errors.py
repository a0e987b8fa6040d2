"""The cluster's errors.

ClusterError    the cluster cannot be started, does not become ready, or refused what it was told
"""

from __future__ import annotations


class ClusterError(Exception):
    """What was wanted of the cluster, what was seen, and what to do."""
