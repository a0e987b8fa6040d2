from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from torghut.platform.errors import StorageError, storage_errors
from torghut.platform.files import make_secret, write_atomically


def test_a_file_is_replaced_whole_and_has_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_atomically(path, b"one", 0o600)
    write_atomically(path, b"two", 0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="full: free some space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="TORGHUT_HOME"), storage_errors(tmp_path / "file"):
        (tmp_path / "file" / "below").mkdir()


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path):
        (tmp_path / "nothing").read_bytes()


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "one"
    secret = make_secret(path)
    assert len(secret) >= 32
    assert make_secret(path) == secret
    assert make_secret(tmp_path / "secrets" / "two") != secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_empty_secret_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    assert make_secret(tmp_path / "one")
