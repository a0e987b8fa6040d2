"""Secrets in files of the home, and their digests in the desired state."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.errors import PlatformError
from torghut.platform.files import PRIVATE, make_private_directory, make_secret, write_atomically
from torghut.runbooks.ports import Change
from torghut.stack.desired import read_desired
from torghut.stack.home import Home
from torghut.stack.services import forwarder, kafka, minio
from torghut.targets.local.desired import LocalDesired


@dataclass(frozen=True)
class LocalSecrets:
    """The secrets of a home."""

    home: Home
    state: LocalDesired

    def digest_of(self, values: Mapping[str, str]) -> str:
        """Keyed with a secret of the home, so that the digest in Git cannot be searched for a weak password."""
        key = make_secret(self.home.secrets / "digest-key").encode()
        content = msgspec.json.encode(sorted(values.items()))
        return "hmac:" + hmac.new(key, content, hashlib.sha256).hexdigest()[:16]

    def desired(self, name: str) -> str:
        """The digest that the newest commit names."""
        return self.state.committed().get(f"secret.{name}", "")

    def live(self, name: str) -> str:
        """The digest of the files."""
        return self.digest_of(self.read(name))

    def read(self, name: str) -> Mapping[str, str]:
        """The values in the files."""
        try:
            return {value: path.read_text().strip() for value, path in self._files(name).items()}
        except OSError as error:
            raise UnavailableError(f"secret {name} cannot be read: {error.strerror}") from error

    def source(self, name: str) -> str:
        """The digest of the source; of a secret that no procedure ever sealed, that of the files."""
        sealed = self._sealed(name)
        return self.digest_of(sealed) if sealed is not None else self.live(name)

    def restore(self, name: str, change: Change) -> None:
        """Write the files anew from the source.

        Raises:
            RefusedError: there is none.
        """
        sealed = self._sealed(name)
        if sealed is None:
            raise RefusedError(f"secret {name} was never sealed here: rotate it instead")
        self.put(name, sealed, change)

    def put(self, name: str, values: Mapping[str, str], change: Change) -> None:
        """Seal the values (0600, the stand-in for a SealedSecret), write the files, then commit the digest."""
        files = self._files(name)
        if set(files) != set(values):
            raise RefusedError(f"secret {name} has the values {', '.join(files)}, not {', '.join(values)}")
        try:
            make_private_directory(self._source(name).parent)
            write_atomically(self._source(name), msgspec.json.encode(dict(values)), PRIVATE)
            for value, path in reversed(files.items()):  # the last first: who sees a new key id also sees its secret
                make_private_directory(path.parent)
                write_atomically(path, values[value].encode() + b"\n", PRIVATE)
        except PlatformError as error:
            raise UnavailableError(str(error)) from error
        self.state.apply({f"secret.{name}": self.digest_of(values)}, change)

    def _source(self, name: str) -> Path:
        return self.home.secrets / "sources" / f"{name}.json"

    def _sealed(self, name: str) -> dict[str, str] | None:
        try:
            return msgspec.json.decode(self._source(name).read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return None

    def _files(self, name: str) -> dict[str, Path]:
        kind, _, role = name.partition(".")
        if kind == "kafka" and role in kafka.USERS:
            return {
                "username": kafka.username_file(self.home, role),
                "password": Path(kafka.password_file(self.home, role)),
            }
        if name == "alpaca":
            key_id, secret_key = forwarder.key_files(self.home, read_desired(self.home).settings)
            return {"key_id": key_id, "secret_key": secret_key}
        if name == "s3":
            access_key, secret_key = minio.user_files(self.home)
            return {"access_key": access_key, "secret_key": secret_key}
        raise RefusedError(f"there is no secret {name} in this stack")
