"""The object store as it is reached from where procedures run.

`S3_ENDPOINT` says where, if it is not under the name that the job uses. What is only read is read with the job's own
keys. To make and remove users takes an administrator, whose keys whoever runs the procedure brings along
(`S3_ADMIN_ACCESS_KEY`, `S3_ADMIN_SECRET_KEY`, or files by `..._FILE`); the cluster has none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import Field, SecretStr

from torghut.config import ConfigError, Settings, load
from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import PlatformError
from torghut.platform.store_desk import (
    EnsureUser,
    FindSnapshots,
    Found,
    FoundSnapshot,
    RemoveUser,
    Request,
    StoreDesk,
    TryKeys,
)
from torghut.runbooks.job_ports import StoreReach
from torghut.stack.components import locate
from torghut.stack.errors import StackError
from torghut.targets.kubernetes.job_objects import find_job, job_ref
from torghut.targets.kubernetes.place import Place
from torghut.targets.kubernetes.secrets import read

ENDPOINT: Final = "S3_ENDPOINT"
_KEYS: Final = "s3"


class Administrator(Settings):
    """Who may make and remove users of the store."""

    access_key: str = Field(alias="S3_ADMIN_ACCESS_KEY", description="the access key of the store's administrator")
    secret_key: SecretStr = Field(alias="S3_ADMIN_SECRET_KEY", description="its secret key")


@dataclass(frozen=True)
class ObjectStore:
    """That of an installation. `environment` is that of the process."""

    place: Place
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def snapshots(self, prefix: str) -> tuple[FoundSnapshot, ...]:
        """The complete checkpoints and savepoints below a prefix of the bucket, the newest first.

        Raises:
            UnavailableError: the store does not answer, or not with the job's keys.
        """
        keys = read(self.place, _KEYS)
        return self.ask(FindSnapshots(prefix), keys["access_key"], keys["secret_key"]).snapshots

    def administer(self, request: Request) -> Found:
        """Have something done as the administrator.

        Raises:
            RefusedError: nobody brought the administrator's keys.
            UnavailableError: the store does not answer, or not with these keys.
        """
        try:
            admin = load(Administrator, self.environment)
        except ConfigError as error:
            raise RefusedError(str(error)) from error
        return self.ask(request, admin.access_key, admin.secret_key.get_secret_value())

    def ask(self, request: Request, access: str, secret: str) -> Found:
        """What the store answers to whoever has these keys."""
        endpoint, bucket = self.where()
        try:
            return StoreDesk(locate(cache_directory()).python, endpoint, bucket, access, secret).ask(request)
        except (PlatformError, StackError) as error:
            raise UnavailableError(str(error)) from error

    def where(self) -> tuple[str, str]:
        """Its address, and the bucket of checkpoints.

        Raises:
            RefusedError: there is no job, or it does not say where its state is.
        """
        job = find_job(self.place)
        if job is None:
            raise RefusedError(f"there is no {job_ref(self.place)}, whose state would be in the store")
        configuration = job.spec.flink_configuration
        endpoint = self.environment.get(ENDPOINT) or configuration.get("fs.s3a.endpoint")
        scheme, _, rest = str(configuration.get("execution.checkpointing.dir", "")).partition("://")
        if not endpoint or scheme != "s3a":
            raise RefusedError(
                f"{job_ref(self.place)} does not say where its checkpoints are: set {ENDPOINT}, and s3a://"
            )
        return str(endpoint), rest.partition("/")[0]


@dataclass(frozen=True)
class KubernetesStore:
    """MinIO's users."""

    store: ObjectStore

    def reach(self, keys: Mapping[str, str]) -> StoreReach:
        """What the keys can do."""
        found = self.store.administer(TryKeys(keys["access_key"], keys["secret_key"]))
        return StoreReach(found.known, found.works, found.beyond)

    def ensure(self, keys: Mapping[str, str]) -> None:
        """Make the user."""
        self.store.administer(EnsureUser(keys["access_key"], keys["secret_key"]))

    def remove(self, access_key: str) -> None:
        """Remove the user."""
        self.store.administer(RemoveUser(access_key))
