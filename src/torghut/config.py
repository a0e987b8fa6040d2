"""Configuration from the environment, checked at start.

Every setting is an environment variable of the contract. Any of them can come from a file instead, named by
`NAME_FILE` (a mounted secret, a symbol list that changes); `reread` looks again, so that a rotated key or a changed
symbol list is found without a restart. A value that cannot be used stops the program with an error that names the
variable, what was wanted and what to do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict


class ConfigError(Exception):
    """A setting is missing or wrong. The message names the variable, what was wanted and what to do."""


class _Source(PydanticBaseSettingsSource):
    """`NAME` from the environment, else the content of the file that `NAME_FILE` names (trailing newline dropped)."""

    def __init__(self, settings: type[BaseSettings], environment: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._environment = environment

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = str(field.alias or field_name)
        value = self._environment.get(name)
        file = self._environment.get(f"{name}_FILE")
        if value is not None and file is not None:
            raise ConfigError(f"{name} and {name}_FILE are both set: wanted one of them; unset the other")
        if file is not None:
            value = _read(name, Path(file))
        return value, name, False

    def __call__(self) -> dict[str, Any]:
        found = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, name, _ = self.get_field_value(field, field_name)
            if value is not None and value != "":
                found[name] = value
        return found


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    except OSError as error:
        raise ConfigError(
            f"{name}_FILE={path}: wanted a readable file with the value of {name}, but {error.strerror}; "
            "create it (mode 0600) or correct the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}_FILE={path}: wanted UTF-8 text; write the value anew") from error


class Settings(BaseSettings):
    """What all groups of settings share."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True)


_S = TypeVar("_S", bound=Settings)


def load(kind: type[_S], environment: Mapping[str, str] | None = None) -> _S:
    """Settings of one part, from the environment (`os.environ` unless given).

    Raises:
        ConfigError: something is missing or wrong; all problems in one message, one line for each variable.
    """
    source = _Source(kind, os.environ if environment is None else environment)
    values = source()
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = {item["loc"][:1]: item for item in reversed(error.errors(include_input=False))}
        raise ConfigError("\n".join(_explain(kind, item) for item in reversed(first.values()))) from None


def _explain(kind: type[Settings], item: Any) -> str:  # noqa: ANN401 - pydantic's error details
    if not item["loc"]:  # settings that do not go together: the validator says it all
        return str(item["msg"]).removeprefix("Value error, ")
    name = str(item["loc"][0])
    wanted = next((f.description for f in kind.model_fields.values() if f.alias == name), None)
    what = "is not set" if item["type"] == "missing" else f"is wrong ({item['msg']})"
    return f"{name} {what}: wanted {wanted or 'a valid value'}; set {name} or {name}_FILE"


def _split(value: object) -> object:
    """`A,B` or one a line; blanks and repeats dropped, order kept."""
    if isinstance(value, str):
        return tuple(dict.fromkeys(part.strip() for part in value.replace("\n", ",").split(",") if part.strip()))
    return value


def _known_symbols(symbols: tuple[str, ...]) -> tuple[str, ...]:
    for symbol in symbols:
        if symbol != "*" and not all(c.isascii() and (c.isalnum() or c in "./-") for c in symbol):
            raise ValueError(f"{symbol!r} is not a symbol")
    return symbols


Feed = Literal["sip", "iex", "delayed_sip", "test", "crypto"]
StreamChannel = Literal["trades", "quotes", "bars", "updated_bars", "statuses", "lulds"]
Names = Annotated[tuple[str, ...], NoDecode]


class KafkaSettings(Settings):
    """How to reach Kafka."""

    bootstrap_servers: str = Field(alias="KAFKA_BOOTSTRAP_SERVERS", description="host:port[,host:port]", min_length=1)
    security_protocol: Literal["SASL_SSL", "SSL", "SASL_PLAINTEXT", "PLAINTEXT"] = Field(
        "SASL_SSL", alias="KAFKA_SECURITY_PROTOCOL", description="SASL_SSL, SSL, SASL_PLAINTEXT or PLAINTEXT"
    )
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", alias="KAFKA_SASL_MECHANISM", description="SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"
    )
    username: str | None = Field(None, alias="KAFKA_USERNAME", description="the Kafka user's name")
    password: SecretStr | None = Field(None, alias="KAFKA_PASSWORD", description="the Kafka user's password")
    ca_file: Path | None = Field(None, alias="KAFKA_CA_FILE", description="a PEM file with the cluster's CA")
    topic_prefix: str = Field(
        "", alias="TOPIC_PREFIX", description="text before every topic name", pattern=r"^[a-zA-Z0-9._-]*$"
    )

    def client(self) -> dict[str, Any]:
        """Librdkafka's connection settings.

        Raises:
            ConfigError: the protocol needs a user, a password or a CA file that is not there.
        """
        common: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "reconnect.backoff.ms": 200,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,  # errors come through error_cb and delivery reports; librdkafka logs each attempt besides
        }
        if self.ca_file is not None:
            if not self.ca_file.is_file():
                raise ConfigError(
                    f"KAFKA_CA_FILE={self.ca_file}: wanted a PEM file, but there is none; correct the path"
                )
            common["ssl.ca.location"] = str(self.ca_file)
        if self.security_protocol.startswith("SASL"):
            if self.username is None or self.password is None:
                missing = "KAFKA_USERNAME" if self.username is None else "KAFKA_PASSWORD"
                raise ConfigError(
                    f"{missing} is not set: wanted for KAFKA_SECURITY_PROTOCOL={self.security_protocol}; "
                    f"set {missing} or {missing}_FILE"
                )
            common |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password.get_secret_value(),
            }
        return common


class AlpacaKeys(Settings):
    """The key pair. Loaded anew for every login, so that a rotation is found."""

    key_id: SecretStr = Field(alias="ALPACA_KEY_ID", description="the Alpaca key id", min_length=1)
    secret_key: SecretStr = Field(alias="ALPACA_SECRET_KEY", description="the Alpaca secret key", min_length=1)


class AlpacaSettings(Settings):
    """Which feed, where, and of what."""

    feed: Feed = Field("iex", alias="ALPACA_FEED", description="sip, iex, delayed_sip, test or crypto")
    stream_url: str = Field(
        "wss://stream.data.alpaca.markets",
        alias="ALPACA_STREAM_URL",
        description="ws:// or wss:// host, with or without the feed's path",
        pattern=r"^wss?://.+",
    )
    data_url: str = Field(
        "https://data.alpaca.markets",
        alias="ALPACA_DATA_URL",
        description="http:// or https:// host of the history API",
        pattern=r"^https?://.+",
    )
    channels: Annotated[tuple[StreamChannel, ...], NoDecode] = Field(
        ("trades", "quotes", "bars", "updated_bars", "statuses", "lulds"),
        alias="CHANNELS",
        description="some of trades, quotes, bars, updated_bars, statuses, lulds",
        min_length=1,
    )

    _split_channels = field_validator("channels", mode="before")(_split)

    @model_validator(mode="before")
    @classmethod
    def _channels_of_crypto(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Crypto has no halts and no bands: asked for by default, they would make a crypto feed look broken."""
        if values.get("ALPACA_FEED") == "crypto" and "CHANNELS" not in values:
            return {**values, "CHANNELS": "trades,quotes,bars,updated_bars"}
        return values


class Symbols(Settings):
    """What to subscribe to. Loaded anew on SIGHUP."""

    symbols: Annotated[Names, AfterValidator(_known_symbols)] = Field(
        alias="SYMBOLS", description="symbols separated by commas, or *", min_length=1
    )

    _split_symbols = field_validator("symbols", mode="before")(_split)
