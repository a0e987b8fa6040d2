"""Quotas of the local broker's users."""

from __future__ import annotations

from dataclasses import dataclass

from torghut.ops.errors import UnavailableError
from torghut.platform.artifacts import JarSet, cache_directory, fetch_jars
from torghut.platform.errors import PlatformError
from torghut.platform.java import find_java
from torghut.platform.kafka.certificates import CertificateFiles
from torghut.platform.kafka.quota import Quotas
from torghut.stack.document import running_document
from torghut.stack.home import Home


@dataclass(frozen=True)
class LocalQuota:
    """Those of the stack in a home. Each request takes seconds."""

    home: Home

    def limits(self, user: str) -> str:
        """The limits of a user; empty when there are none."""
        try:
            return self._quotas().limits(user)
        except PlatformError as error:
            raise UnavailableError(str(error)) from error

    def limit(self, user: str, bytes_per_s: int) -> None:
        """Limit a user: for drills."""
        self._quotas().limit(user, bytes_per_s)

    def lift(self, user: str) -> None:
        """No limit any more; nothing when there is none."""
        try:
            self._quotas().lift(user)
        except PlatformError as error:
            raise UnavailableError(str(error)) from error

    def _quotas(self) -> Quotas:
        document = running_document(self.home)
        if document is None:
            raise UnavailableError(f"no stack runs in {self.home.root}: start it with `torghut up`")
        jars = fetch_jars(JarSet.pinned("kafka"), cache_directory(), lambda _line: None)
        files = CertificateFiles(self.home.secrets / "kafka")
        return Quotas(find_java(), jars, document.ports["kafka.internal"], files)
