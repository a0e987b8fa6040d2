"""Where the system is: a cluster's namespace, and the directory of Git that says what should be in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torghut.ops.errors import PreconditionError, RefusedError, UnavailableError
from torghut.platform.errors import GitError, KubernetesError, PlatformError
from torghut.platform.files import write_atomically
from torghut.platform.git import Repository
from torghut.platform.kubernetes.access import Access, log_in
from torghut.platform.kubernetes.api import CONFIG_MAP, DEPLOYMENT, Api, Kind, Ref, UnansweredError
from torghut.platform.kubernetes.objects import ConfigMap, Deployment
from torghut.stack.home import Home

NAMESPACE: Final = "torghut"


@dataclass(frozen=True)
class Choice:
    """What a person chooses on the command line. `repository` is a clone that may be written and pushed from."""

    context: str | None = None
    namespace: str | None = None
    repository: Path = Path()
    overlay: str = "prod"


@dataclass(frozen=True)
class Place:
    """One installation, by the rights of whoever logged in."""

    home: Home
    access: Access
    api: Api
    namespace: str
    repository: Path
    overlay: str

    @classmethod
    def find(cls, home: Home, choice: Choice) -> Place:
        """The installation that was chosen.

        Raises:
            PreconditionError: there is no such cluster, or no such overlay in the repository.
        """
        directory = choice.repository.absolute()
        if not (directory / "deploy" / "overlays" / choice.overlay).is_dir():
            raise PreconditionError(
                f"{directory} has no deploy/overlays/{choice.overlay}: name a clone with --repository, and --overlay"
            )
        try:
            access = log_in(choice.context, choice.namespace)
        except KubernetesError as error:
            raise PreconditionError(str(error)) from error
        namespace = choice.namespace or NAMESPACE
        return cls(home, access, Api(access.client()), namespace, directory, choice.overlay)

    @property
    def overlay_path(self) -> str:
        """The overlay in the repository."""
        return f"deploy/overlays/{self.overlay}"

    @property
    def git(self) -> Repository:
        """The repository."""
        return Repository(self.repository)

    def commit(self, files: Mapping[str, bytes], message: str) -> None:
        """Write files of the repository, commit them, and push if the branch has an upstream.

        Raises:
            UnavailableError: Git, the disk or the upstream does not take it now.
        """
        with answers():
            for path, content in files.items():
                write_atomically(self.repository / path, content)
            self.git.commit(tuple(files), message)
            self.git.publish()

    def ref(self, kind: Kind, name: str) -> Ref:
        """An object of the installation's namespace."""
        return Ref(kind, self.namespace, name)

    def options(self) -> dict[str, str]:
        """What the programs are told: the ConfigMap that the forwarder's pods take their environment from."""
        with answers():
            deployment = self.api.read(self.ref(DEPLOYMENT, "forwarder"), Deployment)
            sources = [s.config_map_ref for c in deployment.spec.template.spec.containers for s in c.env_from]
            names = [source.name for source in sources if source is not None]
            maps = [self.api.read(self.ref(CONFIG_MAP, name), ConfigMap) for name in names]
        return {name: value for found in maps for name, value in found.data.items()}


@contextmanager
def answers() -> Iterator[None]:
    """Turn what a cluster or Git does not do into what procedures know.

    Raises:
        UnavailableError: no answer now.
        RefusedError: an answer, and it was no.
    """
    try:
        yield
    except (UnansweredError, GitError) as error:
        raise UnavailableError(str(error)) from error
    except PlatformError as error:
        raise RefusedError(str(error)) from error
