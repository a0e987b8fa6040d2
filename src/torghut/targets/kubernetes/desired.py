"""What should be, as flat names and values: one file of the overlay, written by procedures and wired into places.

`desired_file` is its form; `deploy/components/wiring` carries the values to the objects. What is in force is read from
the cluster, never from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import RefusedError
from torghut.platform.files import write_atomically
from torghut.platform.kafka.acls import usernames
from torghut.platform.kubernetes.api import DEPLOYMENT, SEALED_SECRET, SECRET, Ref
from torghut.platform.kubernetes.objects import Deployment
from torghut.platform.kubernetes.strimzi import KafkaUser
from torghut.runbooks.ports import Change
from torghut.targets.kubernetes.delivery import Delivery
from torghut.targets.kubernetes.desired_file import parse, render
from torghut.targets.kubernetes.job_objects import job_values, objects_of_job
from torghut.targets.kubernetes.names import RESTARTED_FOR, ROTATED, user_ref
from torghut.targets.kubernetes.place import Place, answers
from torghut.wire.topics import Role

WORKLOADS: Final = {"forwarder": "forwarder"}
"""Workload to its Deployment."""
SEALED: Final = {"alpaca": ("torghut-alpaca", "alpaca.yaml"), "s3": ("torghut-minio", "minio.yaml")}
"""Secret to the Secret's name in the cluster and its sealed file in the overlay."""
_LATER: Final = ("kafka.", "secret.kafka.")
"""Values that do not come into force when they are written: users have an order of their own (`kafka_users`), and who
a workload is comes with its restart."""


@dataclass(frozen=True)
class KubernetesDesired:
    """The desired state of an installation.

    `digest` is that of a secret in force; `redeployment` says what another deployment of the job needs besides, by what
    is committed and what is wanted.
    """

    place: Place
    delivery: Delivery
    digest: Callable[[str], str]
    redeployment: Callable[[Mapping[str, str], Mapping[str, str]], Mapping[str, str]]

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
        return found | self._users() | job_values(self.place)

    def _users(self) -> dict[str, str]:
        """Which of Kafka's users are not there."""
        names = [user for role in ROTATED for user in usernames(role)]
        with answers():
            there = {user for user in names if self.place.api.find(user_ref(user), KafkaUser) is not None}
        return {f"kafka.absent.{user}": "false" if user in there else "true" for user in names}

    def drift(self) -> tuple[str, ...]:
        """Where the two differ."""
        committed, live = self.committed(), self.live()
        differ = [name for name in sorted(live) if live[name] != committed.get(name, "")]
        nothing = "nothing"
        return tuple(
            f"{name}: Git says {committed.get(name) or nothing}, {self._objects(name)[0]} has {live[name] or nothing}"
            for name in differ
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
        about = {name: self._objects(name) for name in values}
        if unknown := [name for name, found in about.items() if not found]:
            raise RefusedError(f"{', '.join(unknown)}: nothing that procedures change on Kubernetes yet")
        committed = self.committed()
        content = render({**committed, **values, **self.redeployment(committed, values)})
        changed = {self.path: content, **{f"{self.place.overlay_path}/{path}": body for path, body in files.items()}}
        now = [ref for name, refs in about.items() if not name.startswith(_LATER) for ref in refs]
        wanted = tuple(dict.fromkeys((*now, *also)))
        if change.emergency:
            with answers():
                for path, body in changed.items():
                    write_atomically(self.place.repository / path, body)
            self.delivery.bring(wanted)
        self.place.commit(changed, describe(change))
        if not change.emergency:
            self.delivery.bring(wanted)

    def _objects(self, name: str) -> tuple[Ref, ...]:
        """Which objects of the cluster a name is about, the first of them before all; none for a name that is none."""
        kind, _, rest = name.partition(".")
        if of_job := objects_of_job(self.place, name):
            return of_job
        if kind == "secret" and rest in SEALED:
            return (self.place.ref(SEALED_SECRET, SEALED[rest][0]),)
        if kind == "workload" and (workload := rest.rpartition(".")[0]) in WORKLOADS:
            return (self.place.ref(DEPLOYMENT, WORKLOADS[workload]),)
        what, _, who = rest.partition(".")
        if (kind, what) == ("kafka", "absent"):
            return tuple(user_ref(who) for role in ROTATED if who in usernames(role))
        role = next((role for role in ROTATED if role.value == who), None)
        if (kind, what) == ("kafka", "user") and role:
            return (self.place.ref(DEPLOYMENT, WORKLOADS[role.value]),)
        return (self.place.ref(SECRET, self.user(role)),) if (kind, what) == ("secret", "kafka") and role else ()


def describe(change: Change) -> str:
    """The message of its commit."""
    urgency = "Emergency: yes\n" if change.emergency else ""
    return f"{change.message}\n\n{urgency}Token: {change.token}"
