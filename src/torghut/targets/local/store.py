"""The object store of the stack, asked at its desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torghut.ops.errors import UnavailableError
from torghut.platform.artifacts import cache_directory
from torghut.platform.errors import PlatformError
from torghut.platform.store_desk import EnsureUser, Found, RemoveUser, Request, StoreDesk, TryKeys
from torghut.runbooks.job_ports import StoreReach
from torghut.stack.components import locate
from torghut.stack.document import S3Endpoint, running_document
from torghut.stack.home import Home
from torghut.stack.services.minio import root_files


def ask_store(home: Home, request: Request) -> Found:
    """The desk's answer.

    Raises:
        UnavailableError: there is no store, or it did not do it.
    """
    document = running_document(home)
    if document is None or document.s3 is None:
        raise UnavailableError(f"no store runs in {home.root}: `torghut up`, `torghut ta submit`")
    try:
        return desk(home, document.s3).ask(request)
    except (OSError, PlatformError) as error:
        raise UnavailableError(str(error)) from error


def desk(home: Home, store: S3Endpoint) -> StoreDesk:
    """The desk of a stack, asked by the store's administrator."""
    access, secret = (file.read_text().strip() for file in root_files(home))
    return StoreDesk(locate(cache_directory()).python, store.endpoint, store.bucket, access, secret)


@dataclass(frozen=True)
class LocalStore:
    """MinIO's users in a home."""

    home: Home

    def reach(self, keys: Mapping[str, str]) -> StoreReach:
        """What the keys can do."""
        found = ask_store(self.home, TryKeys(keys["access_key"], keys["secret_key"]))
        return StoreReach(found.known, found.works, found.beyond)

    def ensure(self, keys: Mapping[str, str]) -> None:
        """Make the user."""
        ask_store(self.home, EnsureUser(keys["access_key"], keys["secret_key"]))

    def remove(self, access_key: str) -> None:
        """Remove the user."""
        ask_store(self.home, RemoveUser(access_key))
