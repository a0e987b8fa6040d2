from __future__ import annotations

import pytest

from torghut.config import ConfigError, load
from torghut.forwarder.lease import FileLease
from torghut.forwarder.leases import open_lease
from torghut.forwarder.settings import ForwarderSettings


@pytest.fixture(autouse=True)
def outside_of_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def test_instances_meet_in_files_unless_a_lease_is_named() -> None:
    assert isinstance(open_lease(load(ForwarderSettings, {})), FileLease)


def test_a_named_lease_outside_of_a_pod_is_a_wrong_setting_and_not_a_silent_file() -> None:
    with pytest.raises(ConfigError, match="LEASE_NAME=torghut-forwarder: wanted to run in a pod"):
        open_lease(load(ForwarderSettings, {"LEASE_NAME": "torghut-forwarder"}))


def test_a_lease_lasts_as_long_as_the_settings_say() -> None:
    assert open_lease(load(ForwarderSettings, {"LEASE_TTL_S": "12"})).ttl_s == 12
