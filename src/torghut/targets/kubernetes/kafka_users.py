"""Kafka's users: KafkaUsers in Git, whose passwords are sealed there; Strimzi's user operator makes them so.

Every user that a role can have stands in the manifests; which of them are there is a value of the desired state
(`kafka.absent.USER`). The password of each is a value of one SealedSecret for its role, given to the KafkaUser by
`spec.authentication.password.valueFrom`, so that it is known before the operator takes it up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import yaml

from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.kafka.acls import acls_of, usernames
from torghut.platform.kubernetes.api import Ref
from torghut.platform.kubernetes.objects import Secret
from torghut.platform.kubernetes.sealing import Sealer
from torghut.platform.kubernetes.strimzi import KafkaUser
from torghut.platform.waiting import wait_until
from torghut.runbooks.kafka_ports import Login
from torghut.runbooks.ports import Change
from torghut.targets.kafka_clients import words
from torghut.targets.kubernetes.brokers import Brokers
from torghut.targets.kubernetes.desired import KubernetesDesired
from torghut.targets.kubernetes.names import opened_ref, role_of, sealed_file, sealed_ref, user_ref
from torghut.targets.kubernetes.place import Place, answers
from torghut.wire.topics import Role

NUDGED: Final = "torghut/nudged"
"""Annotation of a Strimzi resource: its operator looks at what was changed, and otherwise every two minutes."""
_OPENED_S: Final = 30.0


def nudge(place: Place, ref: Ref) -> None:
    """Have the operator look at a resource now: a Secret that it takes a password from is none that it watches."""
    with answers():
        place.api.patch(ref, {"metadata": {"annotations": {NUDGED: datetime.now(UTC).isoformat()}}})


def resealed(file: bytes, fresh: bytes, keep: Collection[str]) -> bytes:
    """The freshly sealed file with those values of the former one that are kept.

    Raises:
        RefusedError: one of them is no SealedSecret.
    """
    try:
        former, wanted = yaml.safe_load(file)["spec"]["encryptedData"], yaml.safe_load(fresh)
        wanted["spec"]["encryptedData"] = {
            **{name: value for name, value in former.items() if name in keep},
            **wanted["spec"]["encryptedData"],
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise RefusedError(f"what is sealed cannot be understood ({error!r}): seal it anew") from error
    return yaml.safe_dump(wanted, sort_keys=False, width=1_000_000).encode()


def without(file: bytes, name: str) -> bytes:
    """A sealed file that lost a value."""
    found = yaml.safe_load(file)
    found["spec"]["encryptedData"].pop(name, None)
    return yaml.safe_dump(found, sort_keys=False, width=1_000_000).encode()


@dataclass(frozen=True)
class KubernetesKafkaUsers:
    """The users of an installation."""

    place: Place
    state: KubernetesDesired
    sealer: Sealer
    brokers: Brokers

    def name(self, role: str) -> str:
        """The user that the role's workload is, as committed."""
        return self.state.user(Role(role))

    def exists(self, user: str) -> bool:
        """Whether there is such a KafkaUser."""
        return self._find(user) is not None

    def put(self, user: str, password: str, role: str, change: Change) -> None:
        """Seal the password, commit, and have the user operator take it up.

        Raises:
            RefusedError: the role can have no such user.
            UnavailableError: the sealed password is not opened.
        """
        known = Role(role)
        if user not in usernames(known):
            raise RefusedError(f"{role} can be {' or '.join(usernames(known))} on Kubernetes, not {user}")
        files = {}
        if self._opened(known).get(user) != password:
            files[sealed_file(known)] = self._sealed(known, {user: password})
        self.state.write({f"kafka.absent.{user}": "false"}, files, change, (sealed_ref(known),))
        self._await_opened(known, user, password)
        self.restore(user)

    def restore(self, user: str) -> None:
        """Make the KafkaUser as it is in Git, and have the user operator make everything so."""
        self.state.delivery.bring((user_ref(user),))
        nudge(self.place, user_ref(user))

    def permitted(self, user: str, role: str) -> tuple[str, ...]:
        """What the role needs and the KafkaUser does not ask for; or why it is not in force."""
        found = self._find(user)
        if found is None:
            return (f"everything: there is no {user_ref(user)}",)
        there = found.permissions()
        lacking = tuple(words(entry) for entry in acls_of(Role(role), user) if entry not in there)
        return lacking or ((f"anything for sure: {user_ref(user)} is {found.trouble}",) if found.trouble else ())

    def remove(self, user: str, change: Change) -> None:
        """Take the user and its password out of Git, then out of the cluster.

        Raises:
            RefusedError: it is the one that the role's workload is.
        """
        role = role_of(user)
        if self.name(role.value) == user:
            raise RefusedError(f"{user_ref(user)} is who the {role.value} logs in as: it is not removed")
        file = without(self._file(role), user)
        self.state.write({f"kafka.absent.{user}": "true"}, {sealed_file(role): file}, change, (sealed_ref(role),))
        with answers():
            self.place.api.delete(user_ref(user))

    def login(self, values: Mapping[str, str]) -> Login:
        """A fresh login with these values."""
        return self.brokers.login(values)

    def _find(self, user: str) -> KafkaUser | None:
        with answers():
            return self.place.api.find(user_ref(user), KafkaUser)

    def _opened(self, role: Role) -> Mapping[str, str]:
        with answers():
            found = self.place.api.find(opened_ref(role), Secret)
        return {} if found is None else found.values()

    def _await_opened(self, role: Role, user: str, password: str) -> None:
        """The operator must not find the former password: it would not look again for two minutes."""
        try:
            wait_until(lambda: self._opened(role).get(user) == password, _OPENED_S, "it", 0.5)
        except TimeoutError as error:
            raise UnavailableError(
                f"{sealed_ref(role)} was not opened to {opened_ref(role)} within {_OPENED_S:g} s: see its status"
            ) from error

    def _sealed(self, role: Role, values: Mapping[str, str]) -> bytes:
        with answers():
            fresh = self.sealer.seal(opened_ref(role), values)
        committed = self.state.committed()
        there = [user for user in usernames(role) if committed.get(f"kafka.absent.{user}") == "false"]
        return resealed(self._file(role), fresh, there)

    def _file(self, role: Role) -> bytes:
        path = f"{self.place.overlay_path}/{sealed_file(role)}"
        with answers():
            content = self.place.git.content(path)
        if content is None:
            raise RefusedError(f"{path} is in no commit of {self.place.repository}: commit it first")
        return content
