"""Accounts and their key pairs, kept in files so that clients find a rotated pair where they found the old one.

Account N owns `account-N.key_id` and `account-N.secret_key` (mode 0600) in one folder; they are made when absent.
`account-N.past` beside them (0600, too) is the simulator's own: what it has to know of earlier pairs after a restart.
Keys never leave this module except into those files.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

import msgspec

from torghut.sim import AccountError


class KeyPair(msgspec.Struct, frozen=True):
    """A key id and its secret. `repr` shows neither."""

    key_id: str
    secret_key: str

    def __repr__(self) -> str:
        return "KeyPair(...)"


class _Valid(msgspec.Struct, frozen=True):
    pair: KeyPair
    until_ns: int | None


class _Past(msgspec.Struct, frozen=True):
    """What a restart has to know beside the pair in the files: earlier ones that still count, and whether it counts."""

    graced: tuple[_Valid, ...] = ()
    revoked: bool = False


_past = msgspec.json.Decoder(_Past)


class Accounts:
    """The accounts of one simulator and the pairs that open them now."""

    def __init__(self, folder: Path, count: int) -> None:
        """Read the accounts' files, make what is missing. Which pairs open an account outlives the simulator.

        Raises:
            AccountError: a file cannot be read or written.
        """
        self._folder = folder
        self._valid: dict[int, tuple[_Valid, ...]] = {account: _load(folder, account) for account in range(count)}

    def __len__(self) -> int:
        return len(self._valid)

    def verify(self, key_id: str, secret_key: str, now_ns: int) -> int | None:
        """The account that this pair opens at this time."""
        for account, pairs in self._valid.items():
            for valid in pairs:
                if (valid.until_ns is None or now_ns < valid.until_ns) and _equal(valid.pair, key_id, secret_key):
                    return account
        return None

    def rotate(self, account: int, now_ns: int, grace_ns: int = 0) -> None:
        """Write a new pair to the files; the old one stays valid for `grace_ns`.

        Raises:
            AccountError: the files cannot be written; the old pair stays valid then.
        """
        old = tuple(
            _Valid(valid.pair, now_ns + grace_ns) for valid in self._valid[account] if grace_ns and not valid.until_ns
        )
        # Before the new pair: a simulator that is killed in between still knows the old one.
        _keep(self._folder, account, _Past(graced=old))
        pair = _create(self._folder, account)
        self._valid[account] = (_Valid(pair, None), *old)

    def revoke(self, account: int) -> None:
        """No pair opens the account until it is rotated; the files with the pair stay as they are.

        Raises:
            AccountError: it cannot be written down; the pair stays valid then.
        """
        _keep(self._folder, account, _Past(revoked=True))
        self._valid[account] = ()


def key_files(folder: Path, account: int) -> tuple[Path, Path]:
    """The files with the key id and the secret of an account."""
    return folder / f"account-{account}.key_id", folder / f"account-{account}.secret_key"


def _equal(pair: KeyPair, key_id: str, secret_key: str) -> bool:
    same_key = hmac.compare_digest(pair.key_id.encode(), key_id.encode())
    same_secret = hmac.compare_digest(pair.secret_key.encode(), secret_key.encode())
    return same_key and same_secret


def _load(folder: Path, account: int) -> tuple[_Valid, ...]:
    pair, past = _load_or_create(folder, account), _Past()
    file = _past_file(folder, account)
    try:
        if file.exists():
            past = _past.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise AccountError(f"cannot read {file}: {type(error).__name__}; delete it to begin anew") from error
    return () if past.revoked else (_Valid(pair, None), *past.graced)


def _keep(folder: Path, account: int, past: _Past) -> None:
    try:
        _write_private(_past_file(folder, account), msgspec.json.encode(past).decode())
    except OSError as error:
        raise AccountError(f"cannot write the keys of account {account} to {folder}: {error.strerror}") from error


def _past_file(folder: Path, account: int) -> Path:
    return folder / f"account-{account}.past"


def _load_or_create(folder: Path, account: int) -> KeyPair:
    key_file, secret_file = key_files(folder, account)
    try:
        if key_file.exists() and secret_file.exists():
            return KeyPair(key_file.read_text().strip(), secret_file.read_text().strip())
    except OSError as error:
        raise AccountError(f"cannot read the keys of account {account} in {folder}: {error.strerror}") from error
    return _create(folder, account)


def _create(folder: Path, account: int) -> KeyPair:
    pair = KeyPair("PK" + secrets.token_hex(9).upper(), secrets.token_urlsafe(30))
    key_file, secret_file = key_files(folder, account)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The secret first: a reader that sees the new key id also finds its secret.
        _write_private(secret_file, pair.secret_key)
        _write_private(key_file, pair.key_id)
    except OSError as error:
        raise AccountError(f"cannot write the keys of account {account} to {folder}: {error.strerror}") from error
    return pair


def _write_private(path: Path, text: str) -> None:
    """Replace the file in one step, so that no reader sees half of it."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    draft.replace(path)
