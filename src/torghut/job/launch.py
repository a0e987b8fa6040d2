"""What the supervisor runs as JobManager: `python -m torghut.job.launch LAUNCH.json`, in the job's environment.

It decides which state the job starts from, looks whether Kafka lets the job in, and then becomes the JVM. After a crash
the state is the newest checkpoint of this submission; the first time it is what the submission asked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from torghut.config import ConfigError, KafkaSettings, load
from torghut.job.admission import REFUSED, check_kafka
from torghut.platform.errors import PlatformError
from torghut.platform.flink.commands import Submission, jobmanager_command
from torghut.platform.flink.configuration import CHECKPOINTS, SAVEPOINTS, Cluster, ClusterPorts, checkpoints_prefix

if TYPE_CHECKING:
    from torghut.platform.s3 import Snapshot

LATEST: Final = "latest"
NONE: Final = "none"


class Store(msgspec.Struct, frozen=True):
    """The object store, and the files with the keys for it."""

    endpoint: str
    bucket: str
    access_key_file: str
    secret_key_file: str


class Launch(msgspec.Struct, frozen=True):
    """One submission on one cluster. `start_from` is `latest`, `none` or the URI of a savepoint or checkpoint."""

    directory: str
    home: str
    environment: str
    ports: ClusterPorts
    store: Store
    submission: str
    script: str
    job_id: str
    start_from: str
    slots: int = 1
    checkpoint_interval_ms: int = 500

    @property
    def cluster(self) -> Cluster:
        """The cluster's places."""
        return Cluster(
            Path(self.directory),
            Path(self.home),
            Path(self.environment),
            self.ports,
            self.slots,
            self.checkpoint_interval_ms,
        )


def choose_state(own: Sequence[Snapshot], older: Sequence[Snapshot], start_from: str) -> str | None:
    """The URI to restore from, None to start without state.

    Args:
        own: this submission's checkpoints, newest first.
        older: everybody's checkpoints and savepoints, newest first.
        start_from: what the submission asked for.
    """
    if own:
        return own[0].uri
    if start_from == LATEST:
        return older[0].uri if older else None
    return None if start_from == NONE else start_from


def restore_point(launch: Launch) -> str | None:
    """The same, as the object store knows.

    Raises:
        ObjectStoreError: it refused or does not answer.
    """
    from torghut.platform.s3 import Bucket, Keys  # noqa: PLC0415 - in the job's environment only

    store = launch.store
    keys = Keys.read(Path(store.access_key_file), Path(store.secret_key_file))
    bucket = Bucket(store.endpoint, store.bucket, keys)
    own = bucket.snapshots(checkpoints_prefix(launch.submission))
    older = [] if own else [*bucket.snapshots(CHECKPOINTS), *bucket.snapshots(SAVEPOINTS)]
    older.sort(key=lambda snapshot: snapshot.finished_ms, reverse=True)
    return choose_state(own, older, launch.start_from)


def main(arguments: Sequence[str]) -> int:
    """Become the JobManager of the launch file that the argument names."""
    launch = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Launch)
    try:
        state = restore_point(launch)
        if state is not None:  # a first start need not wait for Kafka yet: the job does, when it is planned (`main`)
            check_kafka(load(KafkaSettings))
    except (PlatformError, ConfigError) as error:
        sys.stderr.write(f"{REFUSED}{error}\n")
        return 1
    sys.stdout.write(f"submission {launch.submission} starts {'without state' if state is None else f'from {state}'}\n")
    sys.stdout.flush()
    command = jobmanager_command(launch.cluster, Submission(Path(launch.script), launch.job_id, state))
    # The JVM takes our place, so that the supervisor holds its pid.
    return os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
