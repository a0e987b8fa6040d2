"""What an operator of the drill's installation has: a clone, keys sealed for this cluster, programs, and a login.

The clone is a Git repository with `deploy/` as it stands in the sources. What is sealed in it, and what procedures
changed, is the cluster's own: it stays when the sources change, and goes with the cluster.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.deploy.overlays import DEPLOY
from tools.deploy.programs import KUSTOMIZE, kubernetes

from drills.cluster.kafka import PORTS
from drills.cluster.places import NODE_ADDRESS, Places
from drills.cluster.programs import KUBESEAL
from torghut.platform.files import PRIVATE, make_private_directory, write_atomically
from torghut.platform.git import Repository
from torghut.platform.golang import program_path
from torghut.platform.kafka.acls import username
from torghut.platform.kubernetes.access import log_in
from torghut.platform.kubernetes.api import SECRET, Api, Ref
from torghut.platform.kubernetes.sealing import Sealer
from torghut.targets.kubernetes.desired import SEALED
from torghut.targets.kubernetes.desired_file import parse, render
from torghut.targets.kubernetes.names import ROTATED, opened_ref, sealed_file
from torghut.targets.kubernetes.secrets import KEYS

OVERLAY: Final = "drill"
SPACE: Final = "torghut"
_SECRETS: Final = "secrets"
_DESIRED: Final = "desired"
_OWN: Final = (_SECRETS, _DESIRED)
_LIST: Final = "kustomization.yaml"
_PLACEHOLDER: Final = b"PLACEHOLDER"


@dataclass(frozen=True)
class Installation:
    """The overlay `drill` in the cluster in `places`, with programs out of `cache`."""

    places: Places
    cache: Path

    @property
    def clone(self) -> Path:
        """The repository that says what should be."""
        return self.places.home / "clone"

    @property
    def deploy(self) -> Path:
        """Its manifests."""
        return self.clone / DEPLOY.name

    @property
    def environment_file(self) -> Path:
        """For a shell to read: what `environment` says."""
        return self.places.home / "environment"

    def refresh(self) -> None:
        """Bring the clone to where the sources are, and commit.

        Raises:
            GitError: Git refused.
        """
        own = {path: path.read_bytes() for directory in _OWN for path in (self._overlay / directory).glob("*")}
        shutil.rmtree(self.deploy, ignore_errors=True)
        shutil.copytree(DEPLOY, self.deploy)
        for path, content in own.items():
            if path.parent.name == _DESIRED and path.name == _LIST:
                path.write_bytes(_brought_forward(content, path.read_bytes()))
            elif path.name != _LIST:
                path.write_bytes(content)
        Repository.make(self.clone).commit((DEPLOY.name,), "deploy/ as the sources have it")

    def seal(self) -> None:
        """Seal keys for what is a placeholder yet, by the cluster's controller, and commit.

        Raises:
            PlatformError: the controller, kubeseal or Git refused.
        """
        api = Api(log_in(kubeconfig=self.places.kubeconfig).client())
        sealer = Sealer(api, program=program_path(self.cache, KUBESEAL))
        for name, (secret, file) in SEALED.items():
            path = self._overlay / _SECRETS / file
            if _PLACEHOLDER in path.read_bytes():
                fresh = {key: secrets.token_hex(20) for key in KEYS[name].values()}
                write_atomically(path, sealer.seal(Ref(SECRET, SPACE, secret), fresh))
        for role in ROTATED:
            path = self._overlay / sealed_file(role)
            if _PLACEHOLDER in path.read_bytes():
                first = {username(role): secrets.token_urlsafe(24)}
                write_atomically(path, sealer.seal(opened_ref(role), first))
        api.close()
        Repository(self.clone).commit((DEPLOY.name,), "keys sealed for this cluster")

    def equip(self) -> None:
        """Put the operator's programs into one directory, and write down the environment that finds everything."""
        own = make_private_directory(self._programs)
        wanted = {
            "kubectl": kubernetes(self.cache, "kubectl"),
            "kubeseal": program_path(self.cache, KUBESEAL),
            "kustomize": program_path(self.cache, KUSTOMIZE),
        }
        for name, program in wanted.items():
            (own / name).unlink(missing_ok=True)
            (own / name).symlink_to(program)
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in self._told.items())
        content = "".join((*lines, f'export PATH={shlex.quote(str(own))}:"$PATH"\n'))
        write_atomically(self.environment_file, content.encode(), PRIVATE)

    def environment(self) -> dict[str, str]:
        """That of a procedure: by the operator's rights, with the records of runs in the cluster's own directory."""
        return {**os.environ, **self._told, "PATH": f"{self._programs}:{os.environ.get('PATH', '')}"}

    @property
    def _told(self) -> dict[str, str]:
        return {
            "DRILL_CLUSTER_HOME": str(self.places.home),
            "KAFKA_BOOTSTRAP_SERVERS": f"{NODE_ADDRESS}:{PORTS.clients}",
            "KUBECONFIG": str(self.places.secrets / "operator.kubeconfig"),
            "TORGHUT_REPOSITORY": str(self.clone),
            "TORGHUT_OVERLAY": OVERLAY,
            "TORGHUT_HOME": str(self.places.home / "operator"),
        }

    @property
    def _programs(self) -> Path:
        return self.places.home / "bin"

    @property
    def _overlay(self) -> Path:
        return self.deploy / "overlays" / OVERLAY


def _brought_forward(own: bytes, fresh: bytes) -> bytes:
    """What procedures changed, with values that the sources have got since."""
    return render({**parse(fresh, "the sources' desired state"), **parse(own, "the clone's desired state")})
