from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from torghut.stack.desired import Settings
from torghut.stack.errors import StackError
from torghut.stack.feeds import alpaca_feed, check_feed, default_symbols, replay_symbols
from torghut.stack.home import Home
from torghut.stack.start import Wish, apply_wish

LINES = (
    b'{"recv_ns": 1, "msg": {"T": "t", "S": "BTC/USD", "p": 1}}\n'
    b'{"recv_ns": 2, "msg": {"T": "q", "S": "AVAX/USD"}}\n'
    b'{"recv_ns": 3, "msg": {"T": "success", "msg": "connected"}}\n'
)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "day.ndjson.gz"
    path.write_bytes(gzip.compress(LINES))
    return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_recording_s_symbols_are_found(recording: Path) -> None:
    assert replay_symbols(recording) == ("AVAX/USD", "BTC/USD")


def test_an_unpacked_recording_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "day.ndjson").write_bytes(LINES)
    assert replay_symbols(tmp_path / "day.ndjson") == ("AVAX/USD", "BTC/USD")


def test_what_is_no_recording_is_an_error_that_shows_one(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(StackError, match="is not a recording"):
        replay_symbols(tmp_path / "notes.txt")


def test_a_cut_recording_is_an_error(recording: Path) -> None:
    recording.write_bytes(recording.read_bytes()[:20])
    with pytest.raises(StackError, match="is not a recording"):
        replay_symbols(recording)


def test_pairs_come_from_the_crypto_feed() -> None:
    assert alpaca_feed(Settings(feed="replay:x", symbols=("BTC/USD",))) == "crypto"
    assert alpaca_feed(Settings(feed="sim", symbols=("AAPL",))) == "sip"


def test_a_real_feed_is_itself() -> None:
    assert alpaca_feed(Settings(feed="delayed_sip", symbols=("AAPL",))) == "delayed_sip"


def test_the_test_feed_has_its_one_symbol() -> None:
    assert default_symbols("test") == ("FAKEPACA",)


def test_no_such_feed_lists_those_there_are() -> None:
    with pytest.raises(StackError, match="wanted one of sim, iex"):
        check_feed("nyse")


def test_a_recording_s_path_does_not_depend_on_the_directory(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recording.parent)
    assert check_feed(f"replay:{recording.name}") == f"replay:{recording}"


def test_what_was_not_asked_for_stays(home: Home) -> None:
    before = Settings(feed="sim", symbols=("AAPL",), speed="2")
    assert apply_wish(before, Wish(), home, {}) == before


def test_another_feed_brings_its_symbols(home: Home, recording: Path) -> None:
    after = apply_wish(Settings(feed="sim", symbols=("AAPL",)), Wish(feed=f"replay:{recording}"), home, {})
    assert after.symbols == ("AVAX/USD", "BTC/USD")


def test_symbols_that_were_asked_for_win(home: Home) -> None:
    assert apply_wish(Settings(), Wish(feed="sim", symbols=("XYZ",)), home, {}).symbols == ("XYZ",)


def test_keys_of_a_real_feed_become_private_files(home: Home) -> None:
    keys = {"ALPACA_KEY_ID": "PKPLANTED", "ALPACA_SECRET_KEY": "planted"}
    after = apply_wish(Settings(), Wish(feed="iex"), home, keys)
    assert after.key_id_file is not None
    assert Path(after.key_id_file).read_text() == "PKPLANTED\n"
    assert Path(after.key_id_file).stat().st_mode & 0o777 == 0o600
    assert "planted" not in repr(after).lower()


def test_the_user_s_own_key_files_are_used_where_they_are(home: Home, tmp_path: Path) -> None:
    files = {f"{name}_FILE": str(tmp_path / name) for name in ("ALPACA_KEY_ID", "ALPACA_SECRET_KEY")}
    assert apply_wish(Settings(), Wish(feed="iex"), home, files).secret_key_file == str(tmp_path / "ALPACA_SECRET_KEY")


def test_a_home_that_has_its_keys_needs_them_in_no_environment_any_more(home: Home) -> None:
    keys = {"ALPACA_KEY_ID": "PKPLANTED", "ALPACA_SECRET_KEY": "planted"}
    before = apply_wish(Settings(), Wish(feed="iex"), home, keys)
    assert apply_wish(before, Wish(), home, {}) == before


def test_a_real_feed_without_keys_names_the_variable(home: Home) -> None:
    with pytest.raises(StackError, match="ALPACA_KEY_ID is not set"):
        apply_wish(Settings(), Wish(feed="iex"), home, {})
