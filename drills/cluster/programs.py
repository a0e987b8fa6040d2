"""What a node is made of: Kubernetes and its companions from Go modules, containerd and runc from Debian's packages.

Everything is in the cache, nothing is installed: packages are fetched by apt, which checks them, and only unpacked.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tools.deploy.programs import KUBERNETES_VERSION, by_name, ensure_cluster, ensure_light

from torghut.platform.artifacts import JarSet, Report, fetch_jars
from torghut.platform.errors import ArtifactError, storage_errors
from torghut.platform.golang import OwnMain, ensure_program

_GO: Final = Path(__file__).parent / "go"
KUBERNETES: Final = OwnMain(
    "kubernetes-node", _GO / "kubernetes", (f"k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}",)
)
"""Controllers, scheduler, kubelet and kube-proxy in one program; ten minutes of processor time."""
PAUSE: Final = OwnMain("pause", _GO / "pause")
COREDNS: Final = OwnMain("coredns", _GO / "coredns")
_SEALED_SECRETS: Final = (_GO / "sealed-secrets", ("main.VERSION=0.40.0",))
SEALED_SECRETS: Final = OwnMain(
    "sealed-secrets-controller", *_SEALED_SECRETS, package="github.com/bitnami/sealed-secrets/cmd/controller"
)
KUBESEAL: Final = OwnMain("kubeseal", *_SEALED_SECRETS, package="github.com/bitnami/sealed-secrets/cmd/kubeseal")

_PACKAGES: Final = ("containerd", "runc", "containernetworking-plugins")
_APT_DEADLINE_S: Final = 300.0


def ensure_programs(cache: Path, report: Report) -> None:
    """Everything, built or fetched where it is missing. Broken off, it goes on with what is missing then.

    Raises:
        PlatformError: Go, apt, the network or room is missing.
    """
    ensure_light(cache, report)
    ensure_cluster(cache, report)
    for program in (PAUSE, KUBERNETES, COREDNS, SEALED_SECRETS, KUBESEAL):
        ensure_program(cache, program, report)
    ensure_packages(cache, report)
    fetch_jars(JarSet.pinned("kafka"), cache, report)


def kubernetes(cache: Path, name: str) -> Path:
    """One of Kubernetes' daemons (`kubelet`, ...): the name it is called by chooses."""
    return by_name(cache, KUBERNETES, name)


def packages(cache: Path) -> Path:
    """Where Debian's packages are unpacked, or will be."""
    return cache / "node-packages-bookworm"


def ensure_packages(cache: Path, report: Report) -> Path:
    """containerd, runc and the network plugins, unpacked.

    Raises:
        ArtifactError: apt cannot fetch them, or they are not for this machine.
        StorageError: the cache cannot be written.
    """
    target = packages(cache)
    if target.is_dir():
        return target
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ArtifactError("containerd and runc are taken from Debian's packages: wanted apt-get and dpkg-deb")
    report(f"fetching {', '.join(_PACKAGES)} (once)")
    with storage_errors(cache), tempfile.TemporaryDirectory(prefix=".node-packages.", dir=cache) as temporary:
        fetched, fresh = Path(temporary) / "fetched", Path(temporary) / "root"
        fetched.mkdir()
        _run(["apt-get", "download", "-qq", *_PACKAGES], fetched)
        for package in sorted(fetched.glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), str(fresh)], fetched)
        for program in ("usr/bin/containerd", "usr/sbin/runc"):
            _run([str(fresh / program), "--version"], fetched)
        fresh.rename(target)
    return target


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=_APT_DEADLINE_S)
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-300:]
        raise ArtifactError(f"{command[0]} failed ({said}): run `apt-get update` and try again")
