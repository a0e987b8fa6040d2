"""Which system a command is about: the local stack, or an installation on Kubernetes and where that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from torghut.ops.approval import Approver
    from torghut.ops.runner import Runner
    from torghut.runbooks.ports import Ports
    from torghut.targets.kubernetes.place import Choice

Target = Annotated[Literal["local", "kubernetes"], typer.Option(help="Where the system runs.")]
Context = Annotated[
    str | None, typer.Option(help="Kubernetes: the kubeconfig's context.", envvar="TORGHUT_KUBERNETES_CONTEXT")
]
Namespace = Annotated[
    str | None, typer.Option(help="Kubernetes: the namespace, else torghut.", envvar="TORGHUT_KUBERNETES_NAMESPACE")
]
Repository = Annotated[
    Path, typer.Option(help="Kubernetes: the clone that says what should be.", envvar="TORGHUT_REPOSITORY")
]
Overlay = Annotated[str, typer.Option(help="Kubernetes: which of its deploy/overlays.", envvar="TORGHUT_OVERLAY")]
HERE: Path = Path()


def choice(context: str | None, namespace: str | None, repository: Path, overlay: str) -> Choice:
    """The options as one value."""
    from torghut.targets.kubernetes.place import Choice  # noqa: PLC0415 - keeps `--help` instant

    return Choice(context, namespace, repository, overlay)


def runner_of(target: str, chosen: Choice, approver: Approver) -> Runner:
    """A runner for the target."""
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.targets.kubernetes.target import runner as on_kubernetes  # noqa: PLC0415
    from torghut.targets.local.target import runner as on_the_stack  # noqa: PLC0415

    home = Home.from_environment()
    return on_the_stack(home, approver) if target == "local" else on_kubernetes(home, chosen, approver)


def ports_of(target: str, chosen: Choice) -> Ports:
    """What procedures see of the target."""
    from torghut.stack.home import Home  # noqa: PLC0415
    from torghut.targets.kubernetes.place import Place  # noqa: PLC0415
    from torghut.targets.kubernetes.target import ports as on_kubernetes  # noqa: PLC0415
    from torghut.targets.local.target import ports as on_the_stack  # noqa: PLC0415

    home = Home.from_environment()
    return on_the_stack(home) if target == "local" else on_kubernetes(Place.find(home, chosen))
