from __future__ import annotations

from pathlib import Path

import pytest

from torghut.sim import AccountError
from torghut.sim.accounts import Accounts, key_files
from torghut.sim.admission import Admission

S = 10**9


def pair(folder: Path, account: int = 0) -> tuple[str, str]:
    key, secret = key_files(folder, account)
    return key.read_text().strip(), secret.read_text().strip()


def test_made_keys_open_their_account(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path, 2)
    assert [accounts.verify(*pair(tmp_path, n), now_ns=0) for n in (0, 1)] == [0, 1]


def test_key_files_are_private(tmp_path: Path) -> None:
    Accounts(tmp_path / "keys", 1).rotate(0, now_ns=0, grace_ns=1)
    assert len(list((tmp_path / "keys").iterdir())) == 3
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_existing_keys_are_kept(tmp_path: Path) -> None:
    Accounts(tmp_path, 1)
    before = pair(tmp_path)
    assert Accounts(tmp_path, 1).verify(*before, now_ns=0) == 0


@pytest.mark.parametrize("wrong", [("", ""), ("nobody", "nothing"), ("ä", "ö")])
def test_wrong_keys_open_nothing(tmp_path: Path, wrong: tuple[str, str]) -> None:
    assert Accounts(tmp_path, 1).verify(*wrong, now_ns=0) is None


def test_neither_half_of_a_pair_is_enough(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path, 2)
    (key, secret), (_, other) = pair(tmp_path), pair(tmp_path, 1)
    assert [accounts.verify(*halves, now_ns=0) for halves in ((key, other), (key, ""), ("", secret))] == [None] * 3


def test_rotation_kills_the_old_pair_at_once(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path, 1)
    old = pair(tmp_path)
    accounts.rotate(0, now_ns=5)
    assert accounts.verify(*old, now_ns=5) is None
    assert accounts.verify(*pair(tmp_path), now_ns=5) == 0


def test_rotation_with_grace_keeps_the_old_pair_for_that_long(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path, 1)
    old = pair(tmp_path)
    accounts.rotate(0, now_ns=5, grace_ns=10)
    assert (accounts.verify(*old, now_ns=14), accounts.verify(*old, now_ns=15)) == (0, None)


def test_revoked_keys_work_again_only_after_rotation(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path, 1)
    accounts.revoke(0)
    assert accounts.verify(*pair(tmp_path), now_ns=0) is None
    accounts.rotate(0, now_ns=0)
    assert accounts.verify(*pair(tmp_path), now_ns=0) == 0


def test_a_restart_shortens_no_grace(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path, 1)
    old = pair(tmp_path)
    accounts.rotate(0, now_ns=5, grace_ns=10)
    again = Accounts(tmp_path, 1)
    assert (again.verify(*old, now_ns=14), again.verify(*old, now_ns=15)) == (0, None)
    assert again.verify(*pair(tmp_path), now_ns=15) == 0


def test_a_restart_gives_nothing_back_that_was_revoked(tmp_path: Path) -> None:
    Accounts(tmp_path, 1).revoke(0)
    again = Accounts(tmp_path, 1)
    assert again.verify(*pair(tmp_path), now_ns=0) is None
    again.rotate(0, now_ns=0)
    assert Accounts(tmp_path, 1).verify(*pair(tmp_path), now_ns=0) == 0


def test_a_file_of_the_past_that_cannot_be_read_is_an_error_without_the_keys(tmp_path: Path) -> None:
    Accounts(tmp_path, 1)
    (tmp_path / "account-0.past").write_text('{"graced":[{"pair":{"key_id":"open sesame"')
    with pytest.raises(AccountError, match=r"account-0\.past: DecodeError; delete it") as caught:
        Accounts(tmp_path, 1)
    assert "sesame" not in str(caught.value)


def test_keys_that_cannot_be_written_are_an_error_without_the_keys(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AccountError, match="account 0"):
        Accounts(tmp_path / "file", 1)


def test_one_connection_per_account_and_endpoint() -> None:
    admission = Admission(1)
    admission.enter(1, 0, "sip")
    assert not admission.admits(0, "sip", 0)
    assert admission.admits(1, "sip", 0)
    assert admission.admits(0, "crypto", 0)


def test_an_ended_connection_counts_no_more() -> None:
    admission = Admission(1)
    admission.enter(1, 0, "sip")
    admission.leave(1, 0)
    assert admission.admits(0, "sip", 0)


def test_an_ended_connection_lingers_when_told_to() -> None:
    admission = Admission(1, linger_s=2)
    admission.enter(1, 0, "sip")
    admission.leave(1, 0)
    assert (admission.admits(0, "sip", 2 * S - 1), admission.admits(0, "sip", 2 * S)) == (False, True)
