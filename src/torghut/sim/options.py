"""Settings from what a person typed: texts are checked here, and a wrong one names its option."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from torghut.config import ConfigError
from torghut.sim.settings import DEFAULT_SYMBOLS, SimSettings

_REPLAY: Final = "replay:"


def settings_from(
    *, feed: str, speed: str, symbols: str | None, ledger_dir: Path | None, accounts_dir: Path | None, **plain: object
) -> SimSettings:
    """The settings that the options mean; `plain` are those that need no reading.

    Raises:
        ConfigError: an option cannot be used.
    """
    home = _home()
    given = {
        "replay": _replay(feed),
        "speed": _speed(speed),
        "symbols": _symbols(symbols),
        "ledger_dir": ledger_dir or home / "data" / "sim-ledger",
        "accounts_dir": accounts_dir or home / "secrets" / "sim",
        **plain,
    }
    if (given["tls_cert"] is None) != (given["tls_key"] is None):
        raise ConfigError("--tls-cert and --tls-key belong together: wanted both or none")
    try:
        return msgspec.convert(given, SimSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"an option is wrong: {error}") from error


def control_url() -> str:
    """Where the local stack's simulator takes orders, from `stack.json`.

    Raises:
        ConfigError: no stack is up here.
    """
    path = _home() / "stack.json"
    try:
        return str(msgspec.json.decode(path.read_bytes())["sim"]["control_url"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} names no simulator: start one with `torghut up`, or give --url") from error


def fields_from(arguments: list[str]) -> dict[str, object]:
    """`name=value` texts as fields; values are JSON, or else text.

    Raises:
        ConfigError: one is not of that form.
    """
    fields: dict[str, object] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            raise ConfigError(f"{argument}: wanted NAME=VALUE")
        try:
            fields[name.replace("-", "_")] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            fields[name.replace("-", "_")] = text
    return fields


def _home() -> Path:
    return Path(os.environ.get("TORGHUT_HOME", ".torghut"))


def _replay(feed: str) -> Path | None:
    if feed == "sim":
        return None
    if not feed.startswith(_REPLAY):
        raise ConfigError(f"--feed {feed}: wanted `sim` or `replay:FILE`")
    path = Path(feed.removeprefix(_REPLAY))
    if not path.is_file():
        raise ConfigError(f"--feed {feed}: there is no such file; correct the path")
    return path


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise ConfigError(f"--speed {text}: wanted a positive factor or `max`")
    return speed


def _symbols(text: str | None) -> tuple[str, ...]:
    if text is None:
        return DEFAULT_SYMBOLS
    symbols = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not symbols:
        raise ConfigError("--symbols is empty: wanted symbols separated by commas")
    return symbols
