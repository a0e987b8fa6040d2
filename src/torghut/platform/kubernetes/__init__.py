"""Kubernetes, as a pod sees it.

in_cluster     the API server, with the pod's own service account
coordination   reading and changing a Lease object, each change against the version that was read

Only what the forwarder needs: two requests, for which the HTTP client that is there already is enough.
"""
