"""A real Kubernetes on this machine, for drills: no Docker, nothing installed, nothing left behind.

The node is one process in namespaces of its own (processes, mounts, network, cgroups) and everything below it: etcd,
the control plane, containerd with the pods, kube-proxy, names, Kafka. However it ends, the kernel ends the rest and
takes back mounts, links and iptables rules with the namespaces; what is left then are empty cgroups and one directory.

programs      what it is made of, built or fetched once
images        the containers' images, made here
places        where things are: directories, addresses, names
credentials   certificates, tokens and kubeconfigs
daemons       each process of the node and how it is started
cgroups       the node's own, and which processes are in them
enter, node   the step into the namespaces, and the first process in them
host          what the machine sees of a node: starting it, reaching it, removing every trace
cluster       a node until it is Ready
kafka         the broker beside the pods, and who acts for its operators
system        the overlay `drill` as running pods, and its audit
"""
