from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from torghut.config import ConfigError
from torghut.sim.options import control_url, fields_from, settings_from
from torghut.sim.settings import DEFAULT_SYMBOLS, SimSettings


def settings(**given: Any) -> SimSettings:
    options = {"feed": "sim", "speed": "1", "symbols": None, "ledger_dir": None, "accounts_dir": None}
    return settings_from(**{**options, "tls_cert": None, "tls_key": None, **given})


def test_without_options_there_is_a_market_of_the_default_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORGHUT_HOME", "/elsewhere")
    assert (settings().replay, settings().symbols) == (None, DEFAULT_SYMBOLS)
    assert settings().ledger_dir == Path("/elsewhere/data/sim-ledger")


def test_a_recording_is_named_behind_its_prefix(tmp_path: Path) -> None:
    (tmp_path / "r.ndjson").touch()
    assert settings(feed=f"replay:{tmp_path}/r.ndjson").replay == tmp_path / "r.ndjson"


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("2.5", 2.5), ("max", None)])
def test_speed_is_a_factor_or_max(text: str, speed: float | None) -> None:
    assert settings(speed=text).speed == speed


def test_symbols_are_split_and_repeats_dropped() -> None:
    assert settings(symbols="A, B/USD,A").symbols == ("A", "B/USD")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"feed": "nyse"}, "--feed"),
        ({"feed": "replay:/does/not/exist"}, "no such file"),
        ({"speed": "0"}, "--speed"),
        ({"speed": "fast"}, "--speed"),
        ({"symbols": " , "}, "--symbols"),
        ({"tls_cert": Path("cert.pem")}, "--tls-key"),
        ({"stock_feed": "otc"}, "stock_feed"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        settings(**wrong)


def test_fields_are_json_or_else_text() -> None:
    assert fields_from(["ms=5", "how=close", 'channels=["trades"]', "linger-s=1.5"]) == {
        "ms": 5,
        "how": "close",
        "channels": ["trades"],
        "linger_s": 1.5,
    }


def test_a_field_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        fields_from(["ms"])


def test_the_control_url_comes_from_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORGHUT_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="torghut up"):
        control_url()
    (tmp_path / "stack.json").write_text('{"sim":{"control_url":"http://127.0.0.1:1"}}')
    assert control_url() == "http://127.0.0.1:1"
