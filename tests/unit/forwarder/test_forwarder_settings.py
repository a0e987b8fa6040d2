"""The forwarder's settings: every mistake names its variable, and the page that explains them is true."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.forwarder.page import GENERATED, PAGE, rendered

from torghut.config import ConfigError, load
from torghut.forwarder.settings import ForwarderSettings
from torghut.wire.status import Reason

WRONG = {
    "INSTANCE": "a b",
    "RECONNECT_BASE_MS": "5",
    "RECONNECT_MAX_MS": "30001",
    "STALE_AFTER_S": "0.5",
    "MARKET_CALENDAR": "never",
    "DEDUP_WINDOW_S": "0",
    "DEDUP_CAPACITY": "999",
    "REPAIR_MAX_S": "-1",
    "QUEUE_MAX_RECORDS": "many",
    "KAFKA_LINGER_MS": "1001",
    "KAFKA_DELIVERY_TIMEOUT_MS": "999",
    "LEASE_TTL_S": "0",
    "LEASE_NAME": "A Lease",
    "HEALTH_PORT": "65536",
    "METRICS_PORT": "-1",
    "LOG_LEVEL": "LOUD",
    "LOG_FORMAT": "xml",
}
FREE_TEXT = {"LEASE_FILE", "HEALTH_HOST"}


def problem(environment: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load(ForwarderSettings, environment)
    return str(caught.value)


def test_everything_has_a_default() -> None:
    load(ForwarderSettings, {})


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_value_is_refused_by_the_variables_name(name: str) -> None:
    assert problem({name: WRONG[name]}).startswith(f"{name} is wrong")


def test_no_setting_is_left_out_of_the_test_above() -> None:
    names = {str(field.alias) for field in ForwarderSettings.model_fields.values()}
    assert names == WRONG.keys() | FREE_TEXT


def test_a_lease_that_does_not_outlive_a_delivery_is_refused_with_both_names() -> None:
    text = problem({"LEASE_TTL_S": "7", "KAFKA_DELIVERY_TIMEOUT_MS": "5000"})
    assert "LEASE_TTL_S=7.0" in text
    assert "KAFKA_DELIVERY_TIMEOUT_MS=5000" in text


def test_a_lease_half_as_long_again_as_a_delivery_is_accepted() -> None:
    assert load(ForwarderSettings, {"LEASE_TTL_S": "7.5"}).lease_ttl_s == 7.5


def test_a_setting_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("8081\n")
    assert load(ForwarderSettings, {"HEALTH_PORT_FILE": str(tmp_path / "port")}).health_port == 8081


def test_the_page_has_every_variable_with_its_default_and_meaning() -> None:
    begin, end = GENERATED
    table = PAGE.read_text().partition(begin)[2].partition(end)[0]
    assert table.strip() == rendered().strip(), "docs/forwarder.md: run python -m tests.unit.forwarder.page"


@pytest.mark.parametrize("reason", list(Reason))
def test_the_page_explains_every_reason(reason: Reason) -> None:
    assert f"\n| `{reason}` |" in PAGE.read_text()
