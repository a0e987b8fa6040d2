from __future__ import annotations

from pathlib import Path

import pytest

from torghut.config import AlpacaSettings, KafkaSettings, load
from torghut.stack.context import Context, child_environment
from torghut.stack.desired import Desired, DesiredProcess, Settings
from torghut.stack.home import Home
from torghut.stack.plan import endpoints, plan
from torghut.stack.ports import PortBook
from torghut.stack.service import Service

SIM = Settings(feed="sim", symbols=("AAPL", "MSFT"))


def _context(tmp_path: Path, settings: Settings) -> Context:
    return Context(Home(tmp_path), settings, PortBook({}, {}), Path("/java"), Path("/jars"))


def _plan(tmp_path: Path, settings: Settings = SIM, count: int = 1) -> dict[str, Service]:
    desired = Desired(settings, {"forwarder": DesiredProcess(count=count)})
    return plan(_context(tmp_path, settings), desired)


def test_the_stream_needs_kafka_its_topics_the_sim_a_forwarder_and_the_console_to_see_it(tmp_path: Path) -> None:
    assert list(_plan(tmp_path)) == ["kafka", "provision", "sim", "forwarder", "console"]


def test_a_real_feed_has_no_sim(tmp_path: Path) -> None:
    settings = Settings(feed="iex", symbols=("AAPL",), key_id_file="/k", secret_key_file="/s")
    services = _plan(tmp_path, settings)
    assert "sim" not in services
    assert "ALPACA_STREAM_URL" not in services["forwarder"].environment


def test_standbys_have_ports_of_their_own_and_one_lease(tmp_path: Path) -> None:
    services = _plan(tmp_path, count=2)
    one, two = services["forwarder"].environment, services["forwarder-2"].environment
    assert one["HEALTH_PORT"] != two["HEALTH_PORT"]
    assert one["LEASE_FILE"] == two["LEASE_FILE"]
    assert (one["INSTANCE"], two["INSTANCE"]) == ("forwarder", "forwarder-2")


def test_only_kafka_still_gets_its_topics(tmp_path: Path) -> None:
    assert list(_plan(tmp_path, Settings(symbols=("A",), only=("kafka",)))) == ["kafka", "provision"]


def test_planning_twice_gives_equal_services(tmp_path: Path) -> None:
    context, desired = _context(tmp_path, SIM), Desired(SIM)
    assert plan(context, desired) == plan(context, desired)


def test_another_prefix_is_another_forwarder_and_other_topics(tmp_path: Path) -> None:
    context = _context(tmp_path, SIM)
    other = Settings(feed="sim", symbols=SIM.symbols, topic_prefix="second.")
    again = Context(context.home, other, context.ports, context.java, context.jars)
    before, after = plan(context, Desired(SIM)), plan(again, Desired(other))
    assert before["kafka"] == after["kafka"]
    assert before["provision"] != after["provision"]
    assert before["forwarder"] != after["forwarder"]


def test_no_service_has_a_secret_in_its_arguments_or_environment(tmp_path: Path) -> None:
    for service in _plan(tmp_path).values():
        for name in service.environment:
            assert not any(word in name for word in ("PASSWORD", "SECRET", "KEY_ID")) or name.endswith("_FILE")
        assert not any("password" in argument.lower() for argument in service.command)


def test_the_forwarder_s_environment_is_what_its_settings_read(tmp_path: Path) -> None:
    environment = dict(_plan(tmp_path)["forwarder"].environment)
    for name in ("KAFKA_PASSWORD_FILE", "KAFKA_CA_FILE"):
        path = Path(environment[name])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("planted\n")
    client = load(KafkaSettings, environment).client()
    assert client["security.protocol"] == "SASL_SSL"
    assert client["sasl.username"] == "torghut-forwarder"
    assert load(AlpacaSettings, environment).feed == "sip"


def test_endpoints_name_every_role_s_password_file(tmp_path: Path) -> None:
    context = _context(tmp_path, SIM)
    found = endpoints(context, plan(context, Desired(SIM)))
    assert set(found.kafka.users) == {"admin", "forwarder", "ta", "audit"}
    assert found.sim is not None
    assert found.sim.stream_url.startswith("ws://127.0.0.1:")


@pytest.mark.parametrize("name", ["ALPACA_SECRET_KEY", "KAFKA_PASSWORD", "AWS_SECRET_ACCESS_KEY"])
def test_a_child_does_not_see_the_secrets_of_our_environment(name: str) -> None:
    assert name not in child_environment({"OWN": "1"}, {"PATH": "/bin", name: "planted"})
