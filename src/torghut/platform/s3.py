"""The object store of checkpoints and savepoints: plain S3, and MinIO's administration where users are made.

Needs the `minio` client, which is in the job's environment only; import this module there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from torghut.platform.errors import ObjectStoreError

_METADATA: Final = "_metadata"


@dataclass(frozen=True)
class Keys:
    """An access key and its secret, from files."""

    access: str
    secret: str

    @classmethod
    def read(cls, access_file: Path, secret_file: Path) -> Keys:
        """The keys in these files."""
        return cls(access_file.read_text().strip(), secret_file.read_text().strip())


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint or savepoint that is complete: its URI as Flink takes it, and when it was finished (ms)."""

    uri: str
    finished_ms: int


class Bucket:
    """One bucket, by the keys of someone who may use it. `endpoint` is a URL."""

    def __init__(self, endpoint: str, name: str, keys: Keys) -> None:
        url = urlsplit(endpoint)
        self.name: Final = name
        self._client: Final = Minio(
            url.netloc, access_key=keys.access, secret_key=keys.secret, secure=url.scheme == "https"
        )

    def create(self) -> None:
        """Make the bucket if it is not there.

        Raises:
            ObjectStoreError: the store refused or does not answer.
        """
        try:
            if not self._client.bucket_exists(self.name):
                self._client.make_bucket(self.name)
        except (MinioException, HTTPError) as error:
            raise _explained(f"bucket {self.name} could not be made", error) from error

    def snapshots(self, prefix: str) -> list[Snapshot]:
        """Complete checkpoints and savepoints below `prefix`, newest first. Incomplete ones have no metadata.

        Raises:
            ObjectStoreError: the store refused or does not answer.
        """
        try:
            found = [
                Snapshot(
                    f"s3a://{self.name}/{item.object_name.removesuffix('/' + _METADATA)}",
                    int(item.last_modified.timestamp() * 1000),
                )
                for item in self._client.list_objects(self.name, prefix=prefix.strip("/") + "/", recursive=True)
                if item.object_name.rpartition("/")[2] == _METADATA
            ]
        except (MinioException, HTTPError) as error:
            raise _explained(f"checkpoints in bucket {self.name} could not be listed", error) from error
        return sorted(found, key=lambda snapshot: (snapshot.finished_ms, snapshot.uri), reverse=True)


def _explained(what: str, error: Exception) -> ObjectStoreError:
    code = getattr(error, "code", None) or type(error).__name__
    return ObjectStoreError(f"{what} ({code}): check that the store runs, the bucket exists and the keys are right")


def bucket_policy(bucket: str) -> dict[str, Any]:
    """What a user needs who may use one bucket, and nothing else."""
    resource = f"arn:aws:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": [resource]},
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                "Resource": [f"{resource}/*"],
            },
        ],
    }


def provision(endpoint: str, root: Keys, bucket: str, user: Keys) -> None:
    """Make the bucket and a user who may use that bucket only. Running it again changes nothing.

    Raises:
        ObjectStoreError: the store refused or does not answer.
    """
    Bucket(endpoint, bucket, root).create()
    url = urlsplit(endpoint)
    admin = MinioAdmin(
        endpoint=url.netloc, credentials=StaticProvider(root.access, root.secret), secure=url.scheme == "https"
    )
    policy = f"{bucket}-only"
    try:
        admin.user_add(user.access, user.secret)
        admin.policy_add(policy, policy=bucket_policy(bucket))
        if json.loads(admin.user_info(user.access)).get("policyName") != policy:
            admin.attach_policy([policy], user=user.access)
    except (MinioException, HTTPError) as error:
        raise _explained(f"the user of bucket {bucket} could not be made", error) from error
