"""The programs that build and check manifests, from pinned Go modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from torghut.platform.artifacts import Report
from torghut.platform.golang import OwnMain, Program, ensure_program, program_path

_OWN: Final = Path(__file__).parent / "go"

KUSTOMIZE: Final = Program("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "v5.8.1")
KUBECONFORM: Final = Program("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0")
KUBERNETES_VERSION: Final = "v1.34.4"
KUBERNETES: Final = OwnMain(
    "kubernetes", _OWN / "kubernetes", (f"k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}",)
)
"""The API server and kubectl in one program; ten minutes of processor time."""
ETCD: Final = OwnMain("etcd", _OWN / "etcd")


def ensure_light(cache: Path, report: Report) -> None:
    """What building overlays and checking their schemas needs: half a minute, once.

    Raises:
        PlatformError: there is no Go, no network or no room.
    """
    for program in (KUSTOMIZE, KUBECONFORM):
        ensure_program(cache, program, report)


def ensure_cluster(cache: Path, report: Report) -> None:
    """What an API server needs: a quarter of an hour, once.

    Raises:
        PlatformError: there is no Go, no network or no room.
    """
    for program in (ETCD, KUBERNETES):
        ensure_program(cache, program, report)


def kubernetes(cache: Path, name: str) -> Path:
    """One of Kubernetes' programs (`kubectl`, `kube-apiserver`): the name it is called by chooses."""
    return by_name(cache, KUBERNETES, name)


def by_name(cache: Path, several: OwnMain, name: str) -> Path:
    """A link to a program that is several in one, under one of its names."""
    program = program_path(cache, several)
    link = cache / "bin" / f"{program.name}.d" / name
    if not link.is_symlink():
        link.parent.mkdir(exist_ok=True)
        temporary = link.with_name(f".{name}.{os.getpid()}")
        temporary.symlink_to(program)
        temporary.rename(link)
    return link
