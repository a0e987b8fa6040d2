"""What should be, as flat names and values: one file of the overlay, written by procedures and wired into places.

`deploy/overlays/NAME/desired/kustomization.yaml` holds the values; `deploy/components/wiring` carries them to the
Deployments. What is in force is read from the cluster, never from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import yaml

from torghut.ops.errors import RefusedError
from torghut.platform.files import write_atomically
from torghut.platform.kafka.acls import usernames
from torghut.platform.kubernetes.api import DEPLOYMENT, SEALED_SECRET, SECRET, Ref
from torghut.platform.kubernetes.objects import Deployment
from torghut.platform.kubernetes.strimzi import KafkaUser
from torghut.runbooks.ports import Change
from torghut.targets.kubernetes.delivery import Delivery
from torghut.targets.kubernetes.names import ROTATED, user_ref
from torghut.targets.kubernetes.place import Place, answers
from torghut.wire.topics import Role

WORKLOADS: Final = {"forwarder": "forwarder"}
"""Workload to its Deployment."""
SEALED: Final = {"alpaca": ("torghut-alpaca", "alpaca.yaml"), "s3": ("torghut-minio", "minio.yaml")}
"""Secret to the Secret's name in the cluster and its sealed file in the overlay."""
RESTARTED_FOR: Final = "torghut/restarted-for"
"""Annotation of a pod: what it was last restarted for."""
_LATER: Final = ("kafka.", "secret.kafka.")
"""Values that do not come into force when they are written: users have an order of their own (`kafka_users`), and who
a workload is comes with its restart."""

_FILE: Final = """\
# What procedures change (`torghut runbook`), and who changes it by hand while none fits. Each value stands here alone.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
configMapGenerator:
  # Only manifests need it; it is not applied.
  - name: torghut-desired
    namespace: torghut
    options:
      disableNameSuffixHash: true
      annotations:
        config.kubernetes.io/local-config: "true"
    literals:
"""


def render(values: Mapping[str, str]) -> bytes:
    """The file with these values."""
    return (
        _FILE + "".join(f"      - {_scalar(f'{name}={value}')}\n" for name, value in sorted(values.items()))
    ).encode()


def _scalar(text: str) -> str:
    """As YAML: plain where that means the same, in quotes where it would not."""
    try:
        plain = yaml.safe_load(f"- {text}") == [text]
    except yaml.YAMLError:
        plain = False
    return text if plain else msgspec.json.encode(text).decode()


def parse(content: bytes, what: str) -> dict[str, str]:
    """The values of the file.

    Raises:
        RefusedError: it is not of that form.
    """
    try:
        (generated,) = yaml.safe_load(content)["configMapGenerator"]
        return dict(literal.split("=", 1) for literal in generated["literals"] or ())
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"{what} cannot be understood ({error!r}): mend it in Git, then try again") from error


@dataclass(frozen=True)
class KubernetesDesired:
    """The desired state of an installation. `digest` is that of a secret in force."""

    place: Place
    delivery: Delivery
    digest: Callable[[str], str]

    @property
    def path(self) -> str:
        """The file in the repository."""
        return f"{self.place.overlay_path}/desired/kustomization.yaml"

    def committed(self) -> Mapping[str, str]:
        """What the newest commit says."""
        with answers():
            content = self.place.git.content(self.path)
        if content is None:
            raise RefusedError(f"{self.path} is in no commit of {self.place.repository}: commit it first")
        return parse(content, f"{self.path} in {self.place.repository}")

    def user(self, role: Role) -> str:
        """The Kafka user that a role's workload is, as committed."""
        return self.committed().get(f"kafka.user.{role.value}") or usernames(role)[0]

    def live(self) -> Mapping[str, str]:
        """What is so in the cluster, of everything that the file names."""
        found = {}
        for workload, name in WORKLOADS.items():
            with answers():
                deployment = self.place.api.read(self.place.ref(DEPLOYMENT, name), Deployment)
            template = deployment.spec.template
            found[f"workload.{workload}.count"] = str(deployment.spec.replicas)
            found[f"workload.{workload}.token"] = template.metadata.annotations.get(RESTARTED_FOR, "")
            found[f"kafka.user.{workload}"] = template.spec.variable("KAFKA_USERNAME")
        committed = self.committed()
        for secret in (*SEALED, *(f"kafka.{role.value}" for role in ROTATED)):
            if committed.get(f"secret.{secret}"):
                found[f"secret.{secret}"] = self.digest(secret)
        return found | self._users()

    def _users(self) -> dict[str, str]:
        """Which of Kafka's users are not there."""
        names = [user for role in ROTATED for user in usernames(role)]
        with answers():
            there = {user for user in names if self.place.api.find(user_ref(user), KafkaUser) is not None}
        return {f"kafka.absent.{user}": "false" if user in there else "true" for user in names}

    def drift(self) -> tuple[str, ...]:
        """Where the two differ."""
        committed, live = self.committed(), self.live()
        return tuple(
            f"{self._object(name)}: {name} is {live[name] or 'not set'}, Git says {committed.get(name) or 'nothing'}"
            for name in sorted(live)
            if live[name] != committed.get(name, "")
        )

    def apply(self, values: Mapping[str, str], change: Change) -> None:
        """Commit these values and bring them into force.

        Raises:
            RefusedError: there is no such name.
        """
        self.write(values, {}, change)

    def write(
        self, values: Mapping[str, str], files: Mapping[str, bytes], change: Change, also: tuple[Ref, ...] = ()
    ) -> None:
        """The same, with other files of the overlay (path below it to content) in the same commit.

        `also` are objects that the files are about, and that come into force with them.
        """
        about = [self._object(name) for name in values]
        if unknown := [name for name, found in zip(values, about, strict=True) if found is None]:
            raise RefusedError(f"{', '.join(unknown)}: nothing that procedures change on Kubernetes yet")
        content = render({**self.committed(), **values})
        changed = {self.path: content, **{f"{self.place.overlay_path}/{path}": body for path, body in files.items()}}
        now = [ref for name, ref in zip(values, about, strict=True) if ref is not None and not name.startswith(_LATER)]
        wanted = tuple(dict.fromkeys((*now, *also)))
        if change.emergency:
            with answers():
                for path, body in changed.items():
                    write_atomically(self.place.repository / path, body)
            self.delivery.bring(wanted)
        self.place.commit(changed, describe(change))
        if not change.emergency:
            self.delivery.bring(wanted)

    def _object(self, name: str) -> Ref | None:
        """Which object of the cluster a name is about."""
        kind, _, rest = name.partition(".")
        if kind == "secret" and rest in SEALED:
            return self.place.ref(SEALED_SECRET, SEALED[rest][0])
        if kind == "workload" and (workload := rest.rpartition(".")[0]) in WORKLOADS:
            return self.place.ref(DEPLOYMENT, WORKLOADS[workload])
        what, _, who = rest.partition(".")
        if (kind, what) == ("kafka", "absent"):
            return next((user_ref(who) for role in ROTATED if who in usernames(role)), None)
        role = next((role for role in ROTATED if role.value == who), None)
        if (kind, what) == ("kafka", "user") and role:
            return self.place.ref(DEPLOYMENT, WORKLOADS[role.value])
        return self.place.ref(SECRET, self.user(role)) if (kind, what) == ("secret", "kafka") and role else None


def describe(change: Change) -> str:
    """The message of its commit."""
    urgency = "Emergency: yes\n" if change.emergency else ""
    return f"{change.message}\n\n{urgency}Token: {change.token}"
