"""Questions and orders to the store of a running stack: `python -m torghut.stack.store_desk HOME ENDPOINT BUCKET`.

One request on stdin, one answer on stdout, both JSON; keys travel in no other way. It runs in the job's environment,
which has the client.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import ObjectStoreError, PlatformError
from torghut.stack.components import PACKAGE, locate
from torghut.stack.document import S3Endpoint
from torghut.stack.home import Home

_DEADLINE_S: Final = 20.0
"""The client itself tries again for several seconds."""


class EnsureUser(msgspec.Struct, frozen=True, tag=True):
    """Make a user who may use the bucket only."""

    access: str
    secret: str


class RemoveUser(msgspec.Struct, frozen=True, tag=True):
    """Remove a user."""

    access: str


class TryKeys(msgspec.Struct, frozen=True, tag=True):
    """Find out what a pair of keys can do."""

    access: str
    secret: str


class FindSnapshots(msgspec.Struct, frozen=True, tag=True):
    """Find the complete checkpoints and savepoints below a prefix of the bucket."""

    prefix: str


Request: TypeAlias = EnsureUser | RemoveUser | TryKeys | FindSnapshots


class FoundSnapshot(msgspec.Struct, frozen=True):
    """A checkpoint or savepoint: its URI as Flink takes it, and when it was finished (ms)."""

    uri: str
    finished_ms: int


class Found(msgspec.Struct, frozen=True):
    """The answer; the fields that were asked for. `known`, `works` and `beyond` are those of `platform.s3.Reach`."""

    known: bool = False
    works: bool = False
    beyond: tuple[str, ...] = ()
    snapshots: tuple[FoundSnapshot, ...] = ()


def ask(home: Home, store: S3Endpoint, request: Request) -> Found:
    """Ask at the desk of a stack, newest snapshots first.

    Raises:
        ObjectStoreError: the store refused or does not answer.
    """
    command = (locate(cache_directory()).python, "-m", __name__, str(home.root), store.endpoint, store.bucket)
    try:
        done = subprocess.run(
            command,
            input=msgspec.json.encode(request),
            env={"PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            check=False,
            timeout=_DEADLINE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ObjectStoreError(f"the store at {store.endpoint} did not answer in time: check that it runs") from error
    if done.returncode != 0:
        raise ObjectStoreError(done.stderr.decode(errors="replace").strip().splitlines()[-1])
    return msgspec.json.decode(done.stdout, type=Found)


def answer(home: Home, endpoint: str, bucket: str, request: Request) -> Found:
    """Do what is asked, as the store's administrator where that is needed.

    Raises:
        ObjectStoreError: the store refused or does not answer.
    """
    from torghut.platform import s3  # noqa: PLC0415 - in the job's environment only
    from torghut.stack.services.minio import root_files  # noqa: PLC0415 - needs the same

    root = s3.Keys.read(*root_files(home))
    match request:
        case EnsureUser(access, secret):
            s3.ensure_user(endpoint, root, bucket, s3.Keys(access, secret))
        case RemoveUser(access):
            s3.remove_user(endpoint, root, access)
        case TryKeys(access, secret):
            found = s3.reach(endpoint, bucket, s3.Keys(access, secret), s3.Bucket(endpoint, bucket, root).buckets())
            return Found(found.known, found.works, found.beyond)
        case FindSnapshots(prefix):
            snapshots = s3.Bucket(endpoint, bucket, root).snapshots(prefix)
            return Found(snapshots=tuple(FoundSnapshot(one.uri, one.finished_ms) for one in snapshots))
    return Found()


def main(arguments: list[str]) -> int:
    """Answer the request on stdin."""
    root, endpoint, bucket = arguments
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    try:
        sys.stdout.buffer.write(msgspec.json.encode(answer(Home(Path(root)), endpoint, bucket, request)))
    except (OSError, PlatformError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
