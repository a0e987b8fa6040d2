"""Secrets: sealed in Git, opened by the cluster's controller, told apart by digests. Kafka's are in `kafka_secrets`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from torghut.ops.errors import RefusedError
from torghut.platform.kubernetes.api import SECRET
from torghut.platform.kubernetes.objects import Secret
from torghut.platform.kubernetes.sealing import Sealer
from torghut.runbooks.ports import Change, Secrets
from torghut.targets.kubernetes.desired import SEALED, KubernetesDesired
from torghut.targets.kubernetes.place import Place, answers

KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "alpaca": {"key_id": "ALPACA_KEY_ID", "secret_key": "ALPACA_SECRET_KEY"},
    "s3": {"access_key": "fs.s3a.access.key", "secret_key": "fs.s3a.secret.key"},
}
"""What procedures call a value, and its key in the Secret."""
# Slow on purpose: digests stand in Git, and who reads them must not be able to try passwords.
_COST: Final = {"n": 2**14, "r": 8, "p": 1}


def digest_of(values: Mapping[str, str]) -> str:
    """Tells values apart, on any machine alike."""
    content = msgspec.json.encode(sorted(values.items()))
    return "scrypt:" + hashlib.scrypt(content, salt=b"torghut secret digest", dklen=8, **_COST).hex()


def read(place: Place, name: str) -> dict[str, str]:
    """The values in force.

    Raises:
        RefusedError: there is no such secret, or it lacks a value.
        UnavailableError: the API server does not answer.
    """
    if name not in SEALED:
        raise RefusedError(f"{name} is no secret that is sealed here: there are {', '.join(SEALED)}")
    ref = place.ref(SECRET, SEALED[name][0])
    with answers():
        found = place.api.read(ref, Secret).values()
    if missing := [key for key in KEYS[name].values() if key not in found]:
        raise RefusedError(f"{ref} lacks {', '.join(missing)}")
    return {value: found[key] for value, key in KEYS[name].items()}


@dataclass(frozen=True)
class CommittedSecrets:
    """What all kinds share: their digests stand in the desired state."""

    place: Place
    state: KubernetesDesired

    def digest_of(self, values: Mapping[str, str]) -> str:
        """The digest of these values."""
        return digest_of(values)

    def desired(self, name: str) -> str:
        """The digest that the newest commit names."""
        return self.state.committed().get(f"secret.{name}", "")


@dataclass(frozen=True)
class SealedSecrets(CommittedSecrets):
    """Those that pods read as they were sealed."""

    sealer: Sealer

    def live(self, name: str) -> str:
        """The digest of what pods mount."""
        return digest_of(self.read(name))

    def read(self, name: str) -> Mapping[str, str]:
        """The values in force."""
        return read(self.place, name)

    def source(self, name: str) -> str:
        """What is sealed can be opened by the controller only: the digest that was committed with it."""
        return self.desired(name) or self.live(name)

    def put(self, name: str, values: Mapping[str, str], change: Change) -> None:
        """Seal, commit the sealed file and the digest together, and bring both into force."""
        secret, file = SEALED.get(name, ("", ""))
        if set(values) != set(KEYS.get(name, ())):
            raise RefusedError(f"{name}: wanted {', '.join(KEYS.get(name, ())) or 'another name'}")
        with answers():
            sealed = self.sealer.seal(
                self.place.ref(SECRET, secret), {KEYS[name][value]: text for value, text in values.items()}
            )
        self.state.write({f"secret.{name}": digest_of(values)}, {f"secrets/{file}": sealed}, change)

    def restore(self, name: str, change: Change) -> None:
        """Bring into force what is sealed in Git."""
        self.state.apply({f"secret.{name}": self.desired(name)}, change)


@dataclass(frozen=True)
class KubernetesSecrets:
    """The secrets of an installation: those whose name starts with `prefix` are others than the rest."""

    rest: Secrets
    prefix: str
    others: Secrets

    def digest_of(self, values: Mapping[str, str]) -> str:
        """The digest of these values."""
        return digest_of(values)

    def desired(self, name: str) -> str:
        """The digest that the newest commit names."""
        return self._of(name).desired(name)

    def live(self, name: str) -> str:
        """The digest of what pods mount."""
        return self._of(name).live(name)

    def read(self, name: str) -> Mapping[str, str]:
        """The values in force."""
        return self._of(name).read(name)

    def source(self, name: str) -> str:
        """The digest at its origin."""
        return self._of(name).source(name)

    def put(self, name: str, values: Mapping[str, str], change: Change) -> None:
        """Seal, commit, bring into force."""
        self._of(name).put(name, values, change)

    def restore(self, name: str, change: Change) -> None:
        """Bring into force what the origin has."""
        self._of(name).restore(name, change)

    def _of(self, name: str) -> Secrets:
        return self.others if name.startswith(self.prefix) else self.rest
