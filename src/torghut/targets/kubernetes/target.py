"""Kubernetes put together: the ports there are, and where the records of its runs are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from torghut.ops.approval import Approver
from torghut.ops.errors import PreconditionError
from torghut.ops.journal import Journal
from torghut.ops.lock import FileLock
from torghut.ops.plan import PlanBook
from torghut.ops.redaction import Redactor
from torghut.ops.runner import Records, Runner
from torghut.ops.vault import Vault
from torghut.ops.who import whoami
from torghut.platform.files import make_secret
from torghut.platform.kubernetes.sealing import Sealer
from torghut.runbooks.catalogue import procedures
from torghut.runbooks.ports import Ports
from torghut.stack.home import Home
from torghut.targets.kubernetes.anchor import GitAnchor
from torghut.targets.kubernetes.brokers import Brokers
from torghut.targets.kubernetes.delivery import Delivery
from torghut.targets.kubernetes.desired import KubernetesDesired
from torghut.targets.kubernetes.feed import KubernetesFeed
from torghut.targets.kubernetes.job import KubernetesJob
from torghut.targets.kubernetes.kafka_probe import KubernetesKafkaProbe
from torghut.targets.kubernetes.kafka_repair import AUTHORITY_IS_STRIMZIS, KubernetesKafkaRepair
from torghut.targets.kubernetes.kafka_secrets import PREFIX, KafkaSecrets
from torghut.targets.kubernetes.kafka_users import KubernetesKafkaUsers
from torghut.targets.kubernetes.lag import KubernetesLag
from torghut.targets.kubernetes.lock import LeaseLock
from torghut.targets.kubernetes.place import Choice, Place
from torghut.targets.kubernetes.redeployment import Redeployment
from torghut.targets.kubernetes.secrets import KubernetesSecrets, SealedSecrets
from torghut.targets.kubernetes.status import KubernetesStatus
from torghut.targets.kubernetes.store import KubernetesStore, ObjectStore
from torghut.targets.kubernetes.witness import NotCounted
from torghut.targets.kubernetes.workloads import KubernetesWorkloads


@dataclass(frozen=True)
class Absent:
    """A port that this target does not have: whoever uses it is told before anything is changed."""

    what: str
    instead: str = "--target kubernetes does not have this yet"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands in for every port
        """Any request of the port."""

        def refuse(*_: object, **__: object) -> NoReturn:
            raise PreconditionError(f"{self.what}: nothing was changed; {self.instead}")

        return refuse


def ports(place: Place) -> Ports:
    """What procedures see of an installation."""
    return ports_over(place, Brokers(place), Sealer(place.api), ObjectStore(place))


def ports_over(place: Place, brokers: Brokers, sealer: Sealer, store: ObjectStore) -> Ports:
    """The same, where the ways to the brokers and to the store, and the sealing, are given."""
    desired = KubernetesDesired(
        place,
        Delivery(place),
        lambda name: secrets.live(name),  # noqa: PLW0108 - made below
        Redeployment(place, store),
    )
    users = KubernetesKafkaUsers(place, desired, sealer, brokers)
    kafka_secrets = KafkaSecrets(place, desired, users)
    secrets = KubernetesSecrets(SealedSecrets(place, desired, sealer), PREFIX, kafka_secrets)
    authority: Any = Absent("the brokers' authority is Strimzi's", AUTHORITY_IS_STRIMZIS)
    status = KubernetesStatus(place)
    return Ports(
        desired=desired,
        secrets=secrets,
        workloads=KubernetesWorkloads(place, desired),
        feed=KubernetesFeed(place),
        status=status,
        kafka=KubernetesKafkaProbe(place, brokers, kafka_secrets, users),
        kafka_users=users,
        kafka_authority=authority,
        kafka_repair=KubernetesKafkaRepair(place, kafka_secrets, users),
        store=KubernetesStore(store),
        job=KubernetesJob(place, brokers, store),
        lag=KubernetesLag(place, brokers, status),
    )


def journal_directory(place: Place) -> Path:
    """Where the runs of this installation are remembered, on the machine they were started from."""
    return place.home.root / "journal" / f"kubernetes-{place.access.context}-{place.namespace}"


def records(place: Place) -> Records:
    """Journal, plans, sealed secrets and lock, below `$TORGHUT_HOME`; the journal's heads in the repository."""
    directory, redactor = journal_directory(place), Redactor()
    return Records(
        journal=Journal(directory / "journal.jsonl", redactor),
        # Every machine that runs procedures has a journal of its own.
        anchor=GitAnchor(place, make_secret(directory / "name")),
        vault=Vault(place.home.secrets / "runs" / directory.name),
        plans=PlanBook(directory / "plans"),
        reports=directory / "reports",
        lock=LeaseLock(place, FileLock(directory / "lock")),
        redactor=redactor,
    )


def runner(home: Home, choice: Choice, approver: Approver) -> Runner:
    """A runner for the installation that was chosen, on behalf of whoever started this process.

    Raises:
        PreconditionError: there is no such cluster or overlay.
    """
    return runner_in(Place.find(home, choice), approver)


def runner_in(place: Place, approver: Approver) -> Runner:
    """The same, where the installation was found already."""
    return Runner(records(place), procedures(ports(place)), approver, whoami(), NotCounted())
