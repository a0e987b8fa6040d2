from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from torghut.stack.context import Context
from torghut.stack.desired import Desired, DesiredProcess, Settings
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.plan import endpoints, plan
from torghut.stack.ports import PortBook
from torghut.stack.services import prometheus

WATCHED = Settings(feed="sim", symbols=("AAPL",), with_metrics=True)


def _context(home: Path, settings: Settings = WATCHED) -> Context:
    return Context(Home(home), settings, PortBook({}, {}), Path("/java"), Path("/jars"))


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "program", lambda _name, _cache: Path("/bin/prometheus"))


def test_metrics_are_a_prometheus_and_a_rolling_audit(tmp_path: Path) -> None:
    context = _context(tmp_path)
    services = plan(context, Desired(WATCHED))
    assert {"prometheus", "audit"} <= set(services)
    assert endpoints(context, services).prometheus is not None


def test_without_being_asked_for_there_is_neither(tmp_path: Path) -> None:
    settings = Settings(feed="sim", symbols=("AAPL",))
    assert not {"prometheus", "audit"} & set(plan(_context(tmp_path, settings), Desired(settings)))


def test_every_forwarder_is_scraped(tmp_path: Path) -> None:
    services = plan(_context(tmp_path), Desired(WATCHED, {"forwarder": DesiredProcess(count=3)}))
    prepare = services["prometheus"].prepare
    assert prepare is not None
    prepare()
    made = msgspec.json.decode((tmp_path / "config" / "prometheus.json").read_bytes())
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in made["scrape_configs"]}
    assert len(jobs["forwarder"]) == 3
    assert set(jobs) == {"forwarder", "console", "audit", "prometheus"}


def test_another_forwarder_is_another_configuration_and_so_a_restart(tmp_path: Path) -> None:
    context = _context(tmp_path)
    one = plan(context, Desired(WATCHED))
    two = plan(context, Desired(WATCHED, {"forwarder": DesiredProcess(count=2)}))
    assert one["prometheus"] != two["prometheus"]
    assert one["console"] == two["console"]


def test_a_prometheus_that_is_not_there_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "program", lambda _name, _cache: None)
    with pytest.raises(StackError, match="--with-metrics"):
        plan(_context(tmp_path), Desired(WATCHED))
