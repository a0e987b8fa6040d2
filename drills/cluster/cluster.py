"""A node until it is Ready: what `make drill-cluster` does, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.deploy.programs import kubernetes

from drills.cluster.daemons import CONTAINERD_SOCKET
from drills.cluster.errors import ClusterError
from drills.cluster.host import Host, run
from drills.cluster.images import Image, ensure_image, pause
from drills.cluster.places import NODE, Places
from drills.cluster.programs import ensure_programs, packages
from torghut.platform.artifacts import Report, cache_directory
from torghut.platform.waiting import wait_until

_CONTAINERD_DEADLINE_S: Final = 120.0
_READY_DEADLINE_S: Final = 300.0


@dataclass(frozen=True)
class Cluster:
    """The cluster in `places`, with what it is made of in `cache`."""

    places: Places
    cache: Path

    @classmethod
    def from_environment(cls) -> Cluster:
        """`$DRILL_CLUSTER_HOME` and `$TORGHUT_CACHE`."""
        return cls(Places.from_environment(), cache_directory())

    @property
    def host(self) -> Host:
        """This machine."""
        return Host(self.places)

    def up(self, report: Report) -> None:
        """Bring it up; broken off, it goes on with what is missing. One that runs stays.

        Raises:
            ClusterError: not root, a tool is missing, or something does not start.
            PlatformError: something cannot be built, fetched or written.
            TimeoutError: something does not become ready.
        """
        ensure_programs(self.cache, report)
        if self.host.running() is None:
            self.host.remove()  # what a node that was killed left
            report("starting the node")
            self.host.start()
        report("waiting for containerd")
        wait_until(self._containerd_answers, _CONTAINERD_DEADLINE_S, f"containerd (see {self.places.logs})", 0.5)
        self.provide(pause(self.cache), report)
        report("waiting for the node to be Ready")
        wait_until(self.ready, _READY_DEADLINE_S, f"node {NODE} to be Ready (see {self.places.logs})", 1.0)

    def provide(self, image: Image, report: Report) -> None:
        """Give the node an image, made if it is missing.

        Raises:
            ClusterError: containerd does not take it.
            PlatformError: it cannot be made.
        """
        ensure_image(self.cache, image, report)
        self.ctr("images", "import", str(image.archive))

    def down(self) -> None:
        """End it, and leave nothing behind.

        Raises:
            ClusterError: something remains; it is named.
        """
        self.host.remove()

    def ready(self) -> bool:
        """Whether pods can be started: the node is Ready, and the account that they have by default is there.

        Raises:
            ClusterError: the node ended.
        """
        if self.host.running() is None:
            raise ClusterError(f"the node ended: {self._last_words()}")
        try:
            said = self.kubectl("get", "node", NODE, "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')
            self.kubectl("get", "serviceaccount", "default", "-o", "name")
        except ClusterError:
            return False
        return said == "True"

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """What kubectl prints, as administrator.

        Raises:
            ClusterError: it failed.
        """
        program = str(kubernetes(self.cache, "kubectl"))
        return run(program, "--kubeconfig", str(self.places.kubeconfig), *arguments, given=given.encode())

    def ctr(self, *arguments: str) -> str:
        """What containerd's own client prints, about Kubernetes' containers.

        Raises:
            ClusterError: it failed.
        """
        program = str(packages(self.cache) / "usr" / "bin" / "ctr")
        return self.host.inside(program, "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", *arguments)

    def _containerd_answers(self) -> bool:
        if self.host.running() is None:
            raise ClusterError(f"the node ended: {self._last_words()}")
        try:
            self.ctr("version")
        except ClusterError:
            return False
        return True

    def _last_words(self) -> str:
        log = self.places.logs / "node.log"
        return log.read_text(errors="replace").strip()[-600:] if log.is_file() else "without a word"
