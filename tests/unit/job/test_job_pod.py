from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torghut.config import ConfigError
from torghut.job.pod import prepare

TOLD = {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9093", "KAFKA_USERNAME": "torghut-ta", "KAFKA_PASSWORD": 'pass"word'}


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python environment with PyFlink's configuration in it."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    configuration = tmp_path / "lib" / version / "site-packages" / "pyflink" / "conf" / "config.yaml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("env:\n  java:\n    opts:\n      all: --add-exports=a/b=ALL-UNNAMED\n")
    return tmp_path


def test_the_login_file_has_user_and_password_and_only_its_owner_reads_it(tmp_path: Path, python: Path) -> None:
    file = tmp_path / "login.conf"
    prepare(TOLD, file, python)
    assert r'username="torghut-ta" password="pass\"word"' in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_jvm_is_told_where_the_login_file_is_and_what_flink_asks_for(tmp_path: Path, python: Path) -> None:
    options = prepare(TOLD, tmp_path / "login.conf", python)["JDK_JAVA_OPTIONS"].split()
    assert "--add-exports=a/b=ALL-UNNAMED" in options
    assert f"-Djava.security.auth.login.config={tmp_path}/login.conf" in options


def test_no_password_is_in_the_environment_that_was_in_a_file(tmp_path: Path, python: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hidden\n")
    told = {key: value for key, value in TOLD.items() if key != "KAFKA_PASSWORD"} | {"KAFKA_PASSWORD_FILE": str(secret)}
    environment = prepare(told, tmp_path / "login.conf", python)
    assert "hidden" not in str(environment)
    assert 'password="hidden"' in (tmp_path / "login.conf").read_text()


def test_without_a_password_nothing_is_started(tmp_path: Path, python: Path) -> None:
    told = {key: value for key, value in TOLD.items() if key != "KAFKA_PASSWORD"}
    with pytest.raises(ConfigError, match="KAFKA_PASSWORD is not set"):
        prepare(told, tmp_path / "login.conf", python)
