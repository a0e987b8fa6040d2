"""The object store of the stack, asked at its desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torghut.ops.errors import UnavailableError
from torghut.platform.errors import PlatformError
from torghut.runbooks.job_ports import StoreReach
from torghut.stack.document import running_document
from torghut.stack.home import Home
from torghut.stack.store_desk import EnsureUser, Found, RemoveUser, Request, TryKeys, ask


def ask_store(home: Home, request: Request) -> Found:
    """The desk's answer.

    Raises:
        UnavailableError: there is no store, or it did not do it.
    """
    document = running_document(home)
    if document is None or document.s3 is None:
        raise UnavailableError(f"no store runs in {home.root}: `torghut up`, `torghut ta submit`")
    try:
        return ask(home, document.s3, request)
    except PlatformError as error:
        raise UnavailableError(str(error)) from error


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
