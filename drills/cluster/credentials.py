"""Who the processes of the cluster are: one authority, one certificate for servers, and a token for each identity."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.deploy.apiserver import kubeconfig

from drills.cluster.places import DOMAIN, FIRST_SERVICE, NODE, NODE_ADDRESS, Places
from torghut.platform.files import PRIVATE, make_private_directory, write_atomically
from torghut.platform.kafka.certificates import CertificateFiles, ensure_certificates


@dataclass(frozen=True)
class Identity:
    """Somebody whom the API server knows by a token: a user's name and groups."""

    name: str
    user: str
    groups: tuple[str, ...] = ()


ADMIN: Final = Identity("admin", "admin", ("system:masters",))
CONTROLLERS: Final = Identity("controllers", "system:kube-controller-manager")
SCHEDULER: Final = Identity("scheduler", "system:kube-scheduler")
KUBELET: Final = Identity("kubelet", f"system:node:{NODE}", ("system:nodes",))
PROXY: Final = Identity("proxy", "system:kube-proxy")
DNS: Final = Identity("dns", "torghut:dns")
OPERATOR: Final = Identity("operator", "operator", ("torghut-operators",))
"""Whoever runs procedures: what `deploy/base/procedures` allows, and no more."""
IDENTITIES: Final = (ADMIN, CONTROLLERS, SCHEDULER, KUBELET, PROXY, DNS, OPERATOR)

_API_NAMES: Final = tuple(f"kubernetes.default{suffix}" for suffix in ("", ".svc", f".svc.{DOMAIN}"))


@dataclass(frozen=True)
class Credentials:
    """The files of a cluster's identities."""

    directory: Path
    certificates: CertificateFiles

    @property
    def tokens(self) -> Path:
        """Every token and whose it is, for the API server (0600)."""
        return self.directory / "tokens.csv"

    def kubeconfig(self, identity: Identity) -> Path:
        """How that identity reaches the API server (0600)."""
        return self.directory / f"{identity.name}.kubeconfig"


def make_credentials(places: Places) -> Credentials:
    """Everything new, but the authority and its certificate while they are valid."""
    directory = make_private_directory(places.secrets)
    hosts = (NODE_ADDRESS, FIRST_SERVICE, *_API_NAMES)
    made = Credentials(directory, ensure_certificates(directory / "api", hosts=hosts))
    tokens = {identity: secrets.token_hex(16) for identity in IDENTITIES}
    lines = [f'{token},{i.user},{i.name},"{",".join(i.groups)}"\n' for i, token in tokens.items()]
    write_atomically(made.tokens, "".join(lines).encode(), PRIVATE)
    for identity, token in tokens.items():
        content = kubeconfig(places.url, made.certificates.ca, identity.name, token)
        write_atomically(made.kubeconfig(identity), content, PRIVATE)
    write_atomically(places.kubeconfig, made.kubeconfig(ADMIN).read_bytes(), PRIVATE)
    return made
