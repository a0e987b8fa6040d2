"""Configuration: from the environment or a file, never both, checked at once, and never showing a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from torghut.config import AlpacaKeys, AlpacaSettings, ConfigError, KafkaSettings, Symbols, load

KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "localhost:9092", "KAFKA_USERNAME": "forwarder", "KAFKA_PASSWORD": "s3cret"}


def problem(kind: type, environment: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load(kind, environment)
    return str(caught.value)


def test_values_come_from_the_environment() -> None:
    kafka = load(KafkaSettings, KAFKA)
    assert kafka.bootstrap_servers == "localhost:9092"
    assert kafka.security_protocol == "SASL_SSL"


def test_a_value_can_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("from the file\n")
    environment = {key: value for key, value in KAFKA.items() if key != "KAFKA_PASSWORD"}
    kafka = load(KafkaSettings, environment | {"KAFKA_PASSWORD_FILE": str(path)})
    assert kafka.client()["sasl.password"] == "from the file"


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "symbols"
    path.write_text("A\nB\n")
    environment = {"SYMBOLS_FILE": str(path)}
    assert load(Symbols, environment).symbols == ("A", "B")
    path.write_text("C")
    assert load(Symbols, environment).symbols == ("C",)


def test_the_variable_and_its_file_together_are_refused(tmp_path: Path) -> None:
    text = problem(Symbols, {"SYMBOLS": "A", "SYMBOLS_FILE": str(tmp_path)})
    assert "SYMBOLS and SYMBOLS_FILE" in text


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none"
    assert f"SYMBOLS_FILE={path}" in problem(Symbols, {"SYMBOLS_FILE": str(path)})


def test_a_file_that_is_no_text_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfesecret")
    text = problem(AlpacaKeys, {"ALPACA_KEY_ID": "k", "ALPACA_SECRET_KEY_FILE": str(path)})
    assert "ALPACA_SECRET_KEY_FILE" in text
    assert "secret\\" not in text
    assert "fesecret" not in text


def test_what_is_missing_is_named_with_what_was_wanted() -> None:
    text = problem(KafkaSettings, {})
    assert text == (
        "KAFKA_BOOTSTRAP_SERVERS is not set: wanted host:port[,host:port]; "
        "set KAFKA_BOOTSTRAP_SERVERS or KAFKA_BOOTSTRAP_SERVERS_FILE"
    )


def test_an_empty_value_counts_as_missing() -> None:
    assert "is not set" in problem(Symbols, {"SYMBOLS": ""})


def test_all_problems_are_told_at_once() -> None:
    text = problem(AlpacaSettings, {"ALPACA_FEED": "gossip", "ALPACA_STREAM_URL": "http://x", "CHANNELS": "news"})
    lines = text.splitlines()
    assert [line.split()[0] for line in lines] == ["ALPACA_FEED", "ALPACA_STREAM_URL", "CHANNELS"]


def test_secrets_are_shown_neither_in_errors_nor_in_reprs() -> None:
    text = problem(KafkaSettings, {"KAFKA_PASSWORD": "s3cret", "KAFKA_SECURITY_PROTOCOL": "s3cret"})
    keys = load(AlpacaKeys, {"ALPACA_KEY_ID": "the-id", "ALPACA_SECRET_KEY": "s3cret"})
    assert "s3cret" not in text + repr(keys) + str(keys) + repr(load(KafkaSettings, KAFKA))
    assert "the-id" not in repr(keys)


def test_settings_do_not_change() -> None:
    kafka = load(KafkaSettings, KAFKA)
    with pytest.raises(ValidationError):
        kafka.username = "other"


@pytest.mark.parametrize("text", ["A,B,BTC/USD", " A , B,,\nBTC/USD,A\n", "A\nB\nBTC/USD"])
def test_symbols_are_separated_by_commas_or_lines_and_repeats_dropped(text: str) -> None:
    assert load(Symbols, {"SYMBOLS": text}).symbols == ("A", "B", "BTC/USD")


@pytest.mark.parametrize("text", ["A B", "A;B", "ÄÖ", "A,$B", "**"])
def test_what_is_no_symbol_is_refused(text: str) -> None:
    assert problem(Symbols, {"SYMBOLS": text}).startswith("SYMBOLS is wrong")


def test_a_star_is_every_symbol() -> None:
    assert load(Symbols, {"SYMBOLS": "*"}).symbols == ("*",)


def test_channels_have_the_contracts_names() -> None:
    assert load(AlpacaSettings, {"CHANNELS": "trades,updated_bars"}).channels == ("trades", "updated_bars")
    assert len(load(AlpacaSettings, {}).channels) == 6


@pytest.mark.parametrize("missing", ["KAFKA_USERNAME", "KAFKA_PASSWORD"])
def test_sasl_needs_a_user_and_a_password(missing: str) -> None:
    kafka = load(KafkaSettings, {key: value for key, value in KAFKA.items() if key != missing})
    with pytest.raises(ConfigError, match=missing):
        kafka.client()


def test_a_ca_file_must_be_there(tmp_path: Path) -> None:
    kafka = load(KafkaSettings, KAFKA | {"KAFKA_CA_FILE": str(tmp_path / "ca.pem")})
    with pytest.raises(ConfigError, match="KAFKA_CA_FILE"):
        kafka.client()
    (tmp_path / "ca.pem").touch()
    assert kafka.client()["ssl.ca.location"] == str(tmp_path / "ca.pem")


def test_without_sasl_no_user_is_needed() -> None:
    client = load(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": "h:1", "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}).client()
    assert client["security.protocol"] == "PLAINTEXT"
    assert not [key for key in client if key.startswith("sasl.")]


def test_crypto_has_no_halts_to_subscribe_to() -> None:
    assert load(AlpacaSettings, {"ALPACA_FEED": "crypto"}).channels == ("trades", "quotes", "bars", "updated_bars")
    assert "lulds" in load(AlpacaSettings, {"ALPACA_FEED": "sip"}).channels
    assert load(AlpacaSettings, {"ALPACA_FEED": "crypto", "CHANNELS": "trades"}).channels == ("trades",)
