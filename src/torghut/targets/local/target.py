"""The local stack put together: its ports, and where the records of its runs are kept."""

from __future__ import annotations

from pathlib import Path

from torghut.ops.approval import Approver
from torghut.ops.journal import Journal
from torghut.ops.lock import FileLock
from torghut.ops.plan import PlanBook
from torghut.ops.redaction import Redactor
from torghut.ops.runner import Records, Runner
from torghut.ops.vault import Vault
from torghut.ops.who import whoami
from torghut.runbooks.catalogue import procedures
from torghut.runbooks.ports import Ports
from torghut.stack.home import Home
from torghut.targets.local.anchor import GitAnchor
from torghut.targets.local.desired import LocalDesired
from torghut.targets.local.feed import LocalFeed
from torghut.targets.local.job import LocalJob
from torghut.targets.local.kafka import LocalKafkaProbe, LocalKafkaUsers
from torghut.targets.local.kafka_authority import LocalKafkaAuthority
from torghut.targets.local.kafka_repair import LocalKafkaRepair
from torghut.targets.local.lag import LocalLag
from torghut.targets.local.secrets import LocalSecrets
from torghut.targets.local.status import LocalStatus
from torghut.targets.local.store import LocalStore
from torghut.targets.local.witness import LocalWitness
from torghut.targets.local.workloads import LocalWorkloads


def ports(home: Home) -> Ports:
    """What procedures see of the stack in `home`."""
    desired = LocalDesired(home)
    secrets = LocalSecrets(home, desired)
    users = LocalKafkaUsers(home, secrets)
    return Ports(
        desired=desired,
        secrets=secrets,
        workloads=LocalWorkloads(home),
        feed=LocalFeed(home),
        status=LocalStatus(home),
        kafka=LocalKafkaProbe(home, secrets, users),
        kafka_users=users,
        kafka_authority=LocalKafkaAuthority(home),
        kafka_repair=LocalKafkaRepair(home, desired, secrets, users),
        store=LocalStore(home),
        job=LocalJob(home),
        lag=LocalLag(home),
    )


def records(home: Home) -> Records:
    """Journal, plans, sealed secrets and lock, below `$TORGHUT_HOME/journal` and `secrets`."""
    directory, redactor = journal_directory(home), Redactor()
    return Records(
        journal=Journal(directory / "local.jsonl", redactor),
        anchor=GitAnchor(home),
        vault=Vault(home.secrets / "runs"),
        plans=PlanBook(directory / "plans"),
        reports=directory / "reports",
        lock=FileLock(directory / "local.lock"),
        redactor=redactor,
    )


def journal_directory(home: Home) -> Path:
    """Where the runs of this home are remembered."""
    return home.root / "journal"


def runner(home: Home, approver: Approver) -> Runner:
    """A runner for the stack in `home`, on behalf of whoever started this process."""
    return Runner(records(home), procedures(ports(home)), approver, whoami(), LocalWitness(home))
