"""Kubernetes, as a pod sees it and as whoever runs procedures does.

in_cluster     the API server, with the pod's own service account
coordination   reading and changing a Lease object, each change against the version that was read
access         logging in as a kubeconfig's context says, or as the pod that we are
api            the API server as typed requests
objects        the fields of objects that are looked at
strimzi        Strimzi's users and topics, likewise
flink          Flink's deployments and savepoints, likewise
sealing        sealing a Secret for the controller that opens it

The forwarder needs the first two only: two requests, for which the HTTP client that is there already is enough.
"""
