"""Questions and orders to an object store: `python -m torghut.platform.store_desk`.

One request on stdin, one answer on stdout, both JSON; keys travel in no other way. It runs in the job's environment,
which has the client (`platform.s3`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

import torghut
from torghut.platform.errors import ObjectStoreError, PlatformError

_PACKAGE: Final = Path(torghut.__file__).parent
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


class _Order(msgspec.Struct, frozen=True):
    endpoint: str
    bucket: str
    access: str
    secret: str
    request: Request


@dataclass(frozen=True)
class StoreDesk:
    """One bucket of a store, asked by somebody with these keys. `python` is that of the job's environment.

    To make and remove users, and to try what others' keys can do, takes an administrator's.
    """

    python: str
    endpoint: str
    bucket: str
    access: str = field(repr=False)
    secret: str = field(repr=False)

    def ask(self, request: Request) -> Found:
        """The answer, newest snapshots first.

        Raises:
            ObjectStoreError: the store refused or does not answer, or there is no client.
        """
        order = _Order(self.endpoint, self.bucket, self.access, self.secret, request)
        trust = {name: value for name, value in os.environ.items() if name == "SSL_CERT_FILE"}
        if not Path(self.python).exists():
            raise ObjectStoreError(f"{self.python} is not there: the store's client is set up by `make setup-job`")
        try:
            done = subprocess.run(
                (self.python, "-m", __name__),
                input=msgspec.json.encode(order),
                env={"PYTHONPATH": str(_PACKAGE.parent), **trust},
                capture_output=True,
                check=False,
                timeout=_DEADLINE_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ObjectStoreError(
                f"the store at {self.endpoint} did not answer in time: check that it runs and is reached from here"
            ) from error
        if done.returncode != 0:
            raise ObjectStoreError(done.stderr.decode(errors="replace").strip().splitlines()[-1])
        return msgspec.json.decode(done.stdout, type=Found)


def answer(order: _Order) -> Found:
    """Do what is asked.

    Raises:
        ObjectStoreError: the store refused or does not answer.
    """
    from torghut.platform import s3  # noqa: PLC0415 - in the job's environment only

    mine, endpoint, bucket = s3.Keys(order.access, order.secret), order.endpoint, order.bucket
    match order.request:
        case EnsureUser(access, secret):
            s3.ensure_user(endpoint, mine, bucket, s3.Keys(access, secret))
        case RemoveUser(access):
            s3.remove_user(endpoint, mine, access)
        case TryKeys(access, secret):
            found = s3.reach(endpoint, bucket, s3.Keys(access, secret), s3.Bucket(endpoint, bucket, mine).buckets())
            return Found(found.known, found.works, found.beyond)
        case FindSnapshots(prefix):
            snapshots = s3.Bucket(endpoint, bucket, mine).snapshots(prefix)
            return Found(snapshots=tuple(FoundSnapshot(one.uri, one.finished_ms) for one in snapshots))
    return Found()


def main() -> int:
    """Answer the order on stdin."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=_Order)
    try:
        sys.stdout.buffer.write(msgspec.json.encode(answer(order)))
    except (OSError, PlatformError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
