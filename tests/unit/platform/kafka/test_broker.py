from __future__ import annotations

from pathlib import Path

import pytest

from torghut.platform.kafka.broker import Broker, BrokerPorts, internal_connection, render
from torghut.platform.kafka.certificates import CertificateFiles


@pytest.fixture
def properties(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "meta.properties").touch()
    it = Broker(tmp_path, Path("/jars"), Path("/java"), CertificateFiles(tmp_path / "tls"), BrokerPorts(1, 2, 3))
    it.prepare()
    lines = it.properties_file.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_everything_is_denied_that_is_not_allowed(properties: dict[str, str]) -> None:
    assert properties["authorizer.class.name"].endswith("StandardAuthorizer")
    assert properties["allow.everyone.if.no.acl.found"] == "false"
    assert properties["auto.create.topics.enable"] == "false"


def test_no_listener_is_open(properties: dict[str, str]) -> None:
    assert properties["listener.security.protocol.map"] == "CLIENTS:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL"
    for listener in ("internal", "controller"):
        assert properties[f"listener.name.{listener}.ssl.client.auth"] == "required"


def test_only_loopback_is_listened_on(properties: dict[str, str]) -> None:
    assert all("://127.0.0.1:" in address for address in properties["listeners"].split(","))


def test_the_configuration_holds_no_password(properties: dict[str, str]) -> None:
    assert not any("password" in f"{key}{value}" for key, value in properties.items())


def test_the_broker_s_own_connection_needs_its_certificate(tmp_path: Path) -> None:
    connection = internal_connection(9, CertificateFiles(tmp_path))
    assert connection["security.protocol"] == "SSL"
    assert connection["ssl.key.location"] == str(tmp_path / "broker.key")


def test_backslashes_survive_java_s_properties() -> None:
    assert render({"path": "a\\b"}) == b"path=a\\\\b\n"
