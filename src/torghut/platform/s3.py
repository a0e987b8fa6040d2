"""The object store of checkpoints and savepoints: plain S3, and MinIO's administration where users are made.

Needs the `minio` client, which is in the job's environment only; import this module there.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException, MinioException, S3Error
from urllib3.exceptions import HTTPError

from torghut.platform.errors import ObjectStoreError

_METADATA: Final = "_metadata"
_UNKNOWN: Final = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch"})
_DENIED: Final = "AccessDenied"
_NO_USER: Final = "XMinioAdminNoSuchUser"
_ERRORS: Final = (MinioException, MinioAdminException, HTTPError)
"""What the administration raises; its own error is none of MinIO's others."""


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


@dataclass(frozen=True)
class Reach:
    """What a pair of keys can do.

    `known`: the store takes them at all; `works`: they can write, read and delete in the bucket; `beyond`: other
    buckets that they can read.
    """

    known: bool
    works: bool
    beyond: tuple[str, ...] = ()


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

    def try_out(self) -> bool:
        """Write, read and delete an object of no meaning; False when one of that is denied.

        Raises:
            ObjectStoreError: the store does not know the keys, or does not answer.
        """
        name, content = f"probes/{secrets.token_hex(8)}", b"probe"
        try:
            self._client.put_object(self.name, name, BytesIO(content), len(content))
            with self._client.get_object(self.name, name) as answer:
                same = bool(answer.data == content)
            self._client.remove_object(self.name, name)
        except S3Error as error:
            if error.code == _DENIED:
                return False
            raise _explained(f"bucket {self.name} could not be tried", error) from error
        except (MinioException, HTTPError) as error:
            raise _explained(f"bucket {self.name} could not be tried", error) from error
        return same

    def can_read(self, other: str) -> bool:
        """Whether these keys may list another bucket. One that is not there answers too: denied, or no such bucket.

        Raises:
            ObjectStoreError: the store does not know the keys, or does not answer.
        """
        try:
            next(iter(self._client.list_objects(other)), None)
        except S3Error as error:
            if error.code == "NoSuchBucket":
                return True
            if error.code == _DENIED:
                return False
            raise _explained(f"bucket {other} could not be tried", error) from error
        except (MinioException, HTTPError) as error:
            raise _explained(f"bucket {other} could not be tried", error) from error
        return True

    def buckets(self) -> tuple[str, ...]:
        """The names of all buckets that these keys may see.

        Raises:
            ObjectStoreError: the store refused or does not answer.
        """
        try:
            return tuple(bucket.name for bucket in self._client.list_buckets())
        except (MinioException, HTTPError) as error:
            raise _explained("the buckets could not be listed", error) from error


def reach(endpoint: str, bucket: str, keys: Keys, others: Iterable[str]) -> Reach:
    """What these keys can do in their bucket, and in others. One that does not exist is always tried, too.

    Raises:
        ObjectStoreError: the store does not answer.
    """
    mine = Bucket(endpoint, bucket, keys)
    try:
        works = mine.try_out()
        tried = (*(name for name in others if name != bucket), f"{bucket}-{secrets.token_hex(4)}")
        return Reach(True, works, tuple(name for name in tried if mine.can_read(name)))
    except ObjectStoreError as error:
        if getattr(error.__cause__, "code", None) in _UNKNOWN:
            return Reach(False, False)
        raise


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
    ensure_user(endpoint, root, bucket, user)


def ensure_user(endpoint: str, root: Keys, bucket: str, user: Keys) -> None:
    """Make a user who may use this bucket only. Running it again changes nothing.

    Raises:
        ObjectStoreError: the store refused or does not answer.
    """
    admin, policy = _admin(endpoint, root), f"{bucket}-only"
    try:
        admin.user_add(user.access, user.secret)
        admin.policy_add(policy, policy=bucket_policy(bucket))
        if json.loads(admin.user_info(user.access)).get("policyName") != policy:
            admin.attach_policy([policy], user=user.access)
    except _ERRORS as error:
        raise _explained(f"the user of bucket {bucket} could not be made", error) from error


def remove_user(endpoint: str, root: Keys, access: str) -> None:
    """Remove a user, whose keys are refused from then on. Nothing happens when there is none.

    Raises:
        ObjectStoreError: the store refused or does not answer.
    """
    try:
        _admin(endpoint, root).user_remove(access)
    except _ERRORS as error:
        if _NO_USER not in str(error):
            raise _explained("a user could not be removed", error) from error


def _admin(endpoint: str, root: Keys) -> MinioAdmin:
    url = urlsplit(endpoint)
    credentials = StaticProvider(root.access, root.secret)
    return MinioAdmin(endpoint=url.netloc, credentials=credentials, secure=url.scheme == "https")
