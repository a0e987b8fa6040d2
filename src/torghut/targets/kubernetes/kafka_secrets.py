"""The Secrets with which workloads log in to Kafka: made by Strimzi, copied by reflector, decided in Git.

`kafka.ROLE` is the user that the desired state names for the role, and that user's password. Its source is the user
operator's Secret in Kafka's namespace; what pods mount is the copy of the same name beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.waiting import wait_until
from torghut.runbooks.ports import Change
from torghut.targets.kubernetes.kafka_users import KubernetesKafkaUsers
from torghut.targets.kubernetes.names import ROTATED, role_of, user_ref
from torghut.targets.kubernetes.reflection import Reflection
from torghut.targets.kubernetes.secrets import CommittedSecrets, digest_of
from torghut.wire.topics import Role

PREFIX: Final = "kafka."
_MADE_S: Final = 60.0
_COPIED_S: Final = 45.0
_RESTORED_S: Final = 20.0


@dataclass(frozen=True)
class KafkaSecrets(CommittedSecrets):
    """Those of an installation. A new user or password comes into force with the restart that follows it."""

    users: KubernetesKafkaUsers

    def live(self, name: str) -> str:
        """The digest of the copy, which pods mount."""
        reflection = self._reflection(name)
        return _digest(reflection.name, reflection.copied())

    def source(self, name: str) -> str:
        """The digest of what the user operator made."""
        reflection = self._reflection(name)
        return _digest(reflection.name, reflection.original())

    def read(self, name: str) -> Mapping[str, str]:
        """The values in force.

        Raises:
            UnavailableError: there is no copy.
        """
        reflection = self._reflection(name)
        password = reflection.copied().get("password")
        if not password:
            raise UnavailableError(f"{reflection.copy} has no password")
        return {"username": reflection.name, "password": password}

    def put(self, name: str, values: Mapping[str, str], change: Change) -> None:
        """The role is this user with this password, from its next restart on.

        Raises:
            UnavailableError: the operator does not take the password up, or the copy does not follow.
        """
        role, user, password = _role(name), values["username"], values["password"]
        reflection = Reflection(self.place, user)
        if reflection.original().get("password") != password:
            self.users.put(user, password, role.value, change)
        self.state.apply({f"kafka.user.{role.value}": user, f"secret.{name}": digest_of(values)}, change)
        try:
            wait_until(lambda: reflection.original().get("password") == password, _MADE_S, "it", 0.5)
        except TimeoutError as error:
            raise UnavailableError(
                f"{reflection.source} did not get its new password within {_MADE_S:g} s: see {user_ref(user)}"
            ) from error
        reflection.follow(_COPIED_S)

    def restore(self, name: str, change: Change) -> None:  # noqa: ARG002 - a copy is no part of the desired state
        """Have reflector make the copy anew; if it does not, write it by hand."""
        reflection = self._reflection(name)
        try:
            reflection.follow(_RESTORED_S)
        except UnavailableError:
            reflection.write()

    def _reflection(self, name: str) -> Reflection:
        user = self.state.user(_role(name))
        role_of(user)  # anything else is nothing that procedures may read
        return Reflection(self.place, user)


def _role(name: str) -> Role:
    known = {f"{PREFIX}{role.value}": role for role in ROTATED}
    if name not in known:
        raise RefusedError(
            f"{name} is no secret that procedures change on Kubernetes: of Kafka's, {', '.join(known)} (kafka-rotation:"
            f" --set roles={'+'.join(role.value for role in ROTATED)})"
        )
    return known[name]


def _digest(user: str, values: Mapping[str, str]) -> str:
    return digest_of({"username": user, "password": values.get("password", "")})
