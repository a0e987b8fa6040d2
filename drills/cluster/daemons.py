"""Each process of the node: how it is started, and the file that configures it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tools.deploy.apiserver import apiserver_command, etcd_command
from tools.deploy.documents import Object, write

from drills.cluster import places
from drills.cluster.credentials import CONTROLLERS, DNS, KUBELET, PROXY, SCHEDULER, Credentials, Identity
from drills.cluster.images import PAUSE_IMAGE
from drills.cluster.places import Places
from drills.cluster.programs import COREDNS, kubernetes, packages
from torghut.platform.files import write_atomically
from torghut.platform.golang import program_path
from torghut.platform.ports import LOOPBACK

CONTAINERD_SOCKET: Final = "/run/containerd/containerd.sock"


@dataclass(frozen=True)
class Daemon:
    """A process of the node. `name` is that of its log."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Daemons:
    """Those of a cluster, with the cache that has their programs."""

    places: Places
    credentials: Credentials
    cache: Path

    def first(self) -> tuple[Daemon, ...]:
        """The API server, its store, and containerd: nothing else starts without them."""
        return (self._etcd(), self._apiserver(), self._containerd())

    def others(self) -> tuple[Daemon, ...]:
        """What starts when the API server is ready."""
        return (self._controllers(), self._scheduler(), self._kubelet(), self._proxy(), self._dns())

    def _etcd(self) -> Daemon:
        command = etcd_command(self.places.data / "etcd", places.ETCD_PORT, places.ETCD_PEER_PORT)
        return Daemon("etcd", tuple(command))

    def _apiserver(self) -> Daemon:
        files = self.credentials.certificates
        address = (places.NODE_ADDRESS, places.API_PORT)
        common = apiserver_command(
            self.places.settings, files, self.credentials.tokens, address, places.ETCD_PORT, "Node,RBAC"
        )
        more = (
            "--allow-privileged",
            f"--kubelet-client-certificate={files.broker}",
            f"--kubelet-client-key={files.broker_key}",
            "--kubelet-preferred-address-types=InternalIP",
            "--endpoint-reconciler-type=lease",
        )
        return Daemon("kube-apiserver", (*common, *more))

    def _controllers(self) -> Daemon:
        return self._kubernetes(
            "kube-controller-manager",
            CONTROLLERS,
            "--leader-elect=false",
            "--secure-port=0",
            f"--root-ca-file={self.credentials.certificates.ca}",
            "--use-service-account-credentials=true",
            "--allocate-node-cidrs=false",
            "--kube-api-qps=50",
            "--kube-api-burst=100",
        )

    def _scheduler(self) -> Daemon:
        return self._kubernetes("kube-scheduler", SCHEDULER, "--leader-elect=false", "--secure-port=0")

    def _kubelet(self) -> Daemon:
        certificates = self.credentials.certificates
        config = self._configure(
            "kubelet.yaml", _kubelet(certificates.ca, certificates.broker, certificates.broker_key)
        )
        write_atomically(self.places.settings / "resolv.conf", b"")
        return self._kubernetes(
            "kubelet",
            KUBELET,
            f"--config={config}",
            f"--hostname-override={places.NODE}",
            f"--node-ip={places.NODE_ADDRESS}",
            # A directory of the node's own (`node`), by a path that is short enough for the names of sockets.
            "--root-dir=/var/lib/kubelet",
            f"--cert-dir={self.places.data / 'kubelet-pki'}",
        )

    def _proxy(self) -> Daemon:
        return self._kubernetes(
            "kube-proxy",
            PROXY,
            f"--hostname-override={places.NODE}",
            "--proxy-mode=iptables",
            f"--cluster-cidr={places.PODS}",
            "--oom-score-adj=0",
            # The limits of connection tracking are the machine's, and not the node's to change.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            f"--healthz-bind-address={LOOPBACK}:10256",
            f"--metrics-bind-address={LOOPBACK}:10249",
        )

    def _dns(self) -> Daemon:
        file = self.places.settings / "Corefile"
        write_atomically(file, _COREFILE.format(kubeconfig=self.credentials.kubeconfig(DNS)).encode())
        return Daemon("coredns", (str(program_path(self.cache, COREDNS)), "-conf", str(file)))

    def _containerd(self) -> Daemon:
        unpacked = packages(self.cache)
        networks = self.places.settings / "networks"
        write_atomically(networks / "10-drill.conflist", _NETWORK.encode())
        values = {
            "root": self.places.data / "containerd",
            "socket": CONTAINERD_SOCKET,
            "pause": PAUSE_IMAGE,
            "runc": unpacked / "usr" / "sbin" / "runc",
            "plugins": unpacked / "usr" / "lib" / "cni",
            "networks": networks,
        }
        file = self.places.settings / "containerd.toml"
        write_atomically(file, _CONTAINERD.format(**values).encode())
        return Daemon("containerd", (str(unpacked / "usr" / "bin" / "containerd"), "--config", str(file)))

    def _kubernetes(self, name: str, identity: Identity, *arguments: str) -> Daemon:
        program = str(kubernetes(self.cache, name))
        return Daemon(name, (program, f"--kubeconfig={self.credentials.kubeconfig(identity)}", "--v=1", *arguments))

    def _configure(self, name: str, document: Object) -> Path:
        file = self.places.settings / name
        write_atomically(file, write([document]).encode())
        return file


def search_path(cache: Path) -> Mapping[str, str]:
    """The environment of every process of the node: containerd finds its shim by it."""
    unpacked = packages(cache)
    return {"PATH": f"{unpacked / 'usr' / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def _kubelet(authority: Path, certificate: Path, key: Path) -> Object:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": places.NODE_ADDRESS,
        "port": places.KUBELET_PORT,
        "tlsCertFile": str(certificate),
        "tlsPrivateKeyFile": str(key),
        # The API server alone has a certificate of this authority.
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [places.NODE_ADDRESS],
        "clusterDomain": places.DOMAIN,
        "resolvConf": "",
        "enforceNodeAllocatable": ["pods"],
        # The disk is the machine's: how full it is says nothing about the drill.
        "evictionHard": {"memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "configMapAndSecretChangeDetectionStrategy": "Watch",
    }


_COREFILE: Final = f"""\
.:53 {{{{
    bind {places.NODE_ADDRESS}
    errors
    cache 5
    kubernetes {places.DOMAIN} in-addr.arpa ip6.arpa {{{{
        kubeconfig {{kubeconfig}}
    }}}}
    template ANY ANY {{{{
        rcode NXDOMAIN
    }}}}
}}}}
"""

# Pods are linked to the node one by one, without a bridge: what passes between them passes kube-proxy's rules as well.
_NETWORK: Final = """\
{
  "cniVersion": "0.4.0",
  "name": "drill",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "subnet": "10.244.0.0/16",
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    }
  ]
}
"""

_CONTAINERD: Final = """\
version = 2
root = "{root}"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
disable_apparmor = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{networks}"
"""
