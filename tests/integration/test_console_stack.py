"""Console, metrics and alerts of a whole stack under load: real Kafka, Flink, MinIO, Prometheus and Chromium."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.integration.browsers import chromium, watched
from tests.integration.stacks import quiet
from tools.monitoring.dashboards import BOARDS
from websockets import Origin
from websockets.sync.client import connect

from torghut.client import Channel, Envelope, Records, payload_of
from torghut.monitoring.alerts import ALERTS
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, up
from torghut.stack.submission import prepare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RATE: Final = 300.0
NS: Final = 1_000_000_000
_METRIC: Final = re.compile(r"\b(?:torghut|flink|minio|ws)_[a-zA-Z0-9_]+\b|\bup\b")

RARE: Final = {
    # Labels come with the first such event, and a healthy stack has none.
    "torghut_ws_reconnects_total", "torghut_rejected_total", "torghut_dead_letters_total", "torghut_repaired_total",
    "torghut_dedup_dropped_total", "torghut_console_dropped_total", "torghut_procedure_runs",
    "torghut_procedure_last_seconds", "minio_s3_requests_errors_total",
    # The first rolling audit ends minutes after the start; test_rolling.py pins these names.
    "torghut_audit_lost", "torghut_audit_duplicated",
}  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    home = Home(tmp_path_factory.mktemp("console"))
    try:
        up(home, Wish(rate=RATE, with_metrics=True, ta=prepare(home, "v1")), quiet, leash=True)
        yield RunningStack(home)
    finally:
        down(home, quiet)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def console_url(stack: RunningStack) -> str:
    endpoint = stack.document().console
    assert endpoint is not None
    return endpoint.url


def prometheus(stack: RunningStack, path: str, **query: str) -> Any:
    """The data of an answer."""
    endpoint = stack.document().prometheus
    assert endpoint is not None
    answer = httpx.get(f"{endpoint.url}/api/v1/{path}", params=query, timeout=10, trust_env=False).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def test_the_chart_is_what_the_job_wrote(browser: Browser, stack: RunningStack) -> None:
    with watched(browser, f"{console_url(stack)}?symbol=AAPL") as view:
        view.until("torghut.rows.size > 30", 120)
        view.until("torghut.chart.drawn().length > 30")
        drawn = {candle["time"]: candle for candle in view.page.evaluate("torghut.chart.drawn()")}
        rows = {second: view.page.evaluate("s => torghut.rows.get(s)", second) for second in sorted(drawn)[-60:]}
        expect(view.page.locator("#strip [data-part=flink]")).to_have_attribute("data-level", "ok")
        assert view.complaints == []
    since = time.time_ns() - 3600 * NS
    for channel, names in ((Channel.TA_BARS, {"o", "h", "l", "c", "v"}), (Channel.TA_SIGNALS, {"rsi14"})):
        with Records(stack.kafka("audit"), [channel], symbols={"AAPL"}, since_ns=since, follow=False) as records:
            topic = {item.window.start // NS: item for item in records if isinstance(item, Envelope) and item.window}
        rank = "bar_rank" if channel is Channel.TA_BARS else "signal_rank"
        # A revision may have come between the page's view and this reading; the rest is equal to the last digit.
        same = [second for second, row in rows.items() if second in topic and row.get(rank) == topic[second].revision]
        assert len(same) > 20
        for second in same:
            payload = payload_of(topic[second])
            assert {name: rows[second].get(name) for name in names} == {name: getattr(payload, name) for name in names}


def test_prometheus_scrapes_every_part(stack: RunningStack) -> None:
    wanted = {"forwarder", "console", "jobmanager", "taskmanager", "minio", "audit", "prometheus"}

    def all_up() -> bool:
        targets = prometheus(stack, "targets")["activeTargets"]
        return {target["labels"]["job"] for target in targets if target["health"] == "up"} == wanted

    wait_until(all_up, 60, "all targets to be up", 1.0)


def test_every_rule_is_loaded_and_evaluated(stack: RunningStack) -> None:
    (group,) = prometheus(stack, "rules")["groups"]
    assert [rule["name"] for rule in group["rules"]] == [alert.name for alert in ALERTS]
    wait_until(
        lambda: all(rule["health"] == "ok" for rule in prometheus(stack, "rules")["groups"][0]["rules"]),
        60,
        "every rule to be evaluated",
        1.0,
    )


def test_every_metric_that_is_asked_for_is_exposed_by_the_running_stack(stack: RunningStack) -> None:
    queries = [query for board in BOARDS for query in board.queries()] + [alert.expr for alert in ALERTS]
    asked = {name for query in queries for name in _METRIC.findall(query)}

    def missing() -> set[str]:
        return asked - RARE - set(prometheus(stack, "label/__name__/values"))

    wait_until(lambda: not missing(), 60, f"{missing()} to be exposed", 2.0)
    for query in queries:
        prometheus(stack, "query", query=query)


def test_a_run_of_a_procedure_is_seen_step_by_step(browser: Browser, stack: RunningStack) -> None:
    keys = stack.home.secrets / "sim"
    command = [
        sys.executable, "-m", "torghut", "runbook", "run", "alpaca-rotation", "--id", "seen", "--yes",
        "--secret", f"key_id={keys / 'account-1.key_id'}", "--secret", f"secret_key={keys / 'account-1.secret_key'}",
    ]  # fmt: skip
    with watched(browser, f"{console_url(stack)}procedures") as view:
        run = view.page.locator("#runs [data-run=seen]")
        process = subprocess.Popen(command, env=_environment(stack), stdout=subprocess.DEVNULL)
        try:
            expect(run.locator("[data-outcome=acting]").first).to_be_visible(timeout=60_000)
            expect(run).to_have_attribute("data-verdict", "open")
            assert process.wait(180) == 0
        finally:
            process.kill()
            process.wait()
        expect(run).to_have_attribute("data-verdict", "ok")
        run.locator("a").click()
        expect(view.page.locator(".evidence h1")).to_have_text("alpaca-rotation")
        view.page.go_back()
        view.page.get_by_role("button", name="Verify local").click()
        expect(view.page.locator("#journals [role=status]")).to_contain_text("whole: ")
        secret = (keys / "account-1.secret_key").read_text().strip()
        assert secret not in view.page.content()
        assert view.complaints == []


def _environment(stack: RunningStack) -> dict[str, str]:
    return {**os.environ, "TORGHUT_HOME": str(stack.home.root)}


def test_hostile_browsers_do_not_slow_the_pipeline(stack: RunningStack, capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty that never read, twenty that never acknowledge, thirty that never finish their request."""
    calm = _pace(stack, 20)
    with _hostile(console_url(stack)):
        besieged = _pace(stack, 20)
    with capsys.disabled():
        sys.stdout.write(f"\ncalm {calm}, besieged {besieged}\n")
    assert besieged["per_second"] > 0.9 * calm["per_second"]
    assert besieged["acknowledged_ms"] < 3 * calm["acknowledged_ms"] + 50
    text = httpx.get(f"{console_url(stack)}metrics", timeout=10, trust_env=False).text
    dropped = re.search(r'^torghut_console_dropped_total\{reason="slow"\} (\S+)$', text, re.MULTILINE)
    assert dropped is not None
    assert float(dropped[1]) >= 10


def _pace(stack: RunningStack, seconds: float) -> dict[str, float]:
    """What the forwarder got into Kafka in this time, from its own counters."""
    endpoint = stack.document().forwarder
    assert endpoint is not None

    def counts() -> tuple[float, float, float]:
        text = httpx.get(f"{endpoint.metrics_url}/metrics", timeout=10, trust_env=False).text
        value = {
            m[1]: float(m[2]) for m in re.finditer(r"^(torghut_kafka_produce_seconds_\w+) (\S+)$", text, re.MULTILINE)
        }
        return value["torghut_kafka_produce_seconds_count"], value["torghut_kafka_produce_seconds_sum"], time.time()

    before = counts()
    wait_until(lambda: time.time() - before[2] >= seconds, seconds + 5, "the time to pass", 0.5)
    after = counts()
    count, total, passed = (new - old for new, old in zip(after, before, strict=True))
    return {"per_second": round(count / passed, 1), "acknowledged_ms": round(total / count * 1000, 2)}


@contextmanager
def _hostile(url: str) -> Iterator[None]:
    host, _, port = url.removeprefix("http://").strip("/").partition(":")
    watch = '{"type":"watch","symbol":"AAPL"}'
    stop = threading.Event()

    def never_acknowledges() -> None:
        while not stop.is_set():
            try:
                with connect(f"ws://{host}:{port}/api/live", origin=Origin(url.strip("/")), proxy=None) as browser:
                    browser.send(watch)
                    while not stop.is_set():
                        with suppress(TimeoutError):
                            browser.recv(1)
            except Exception:  # noqa: BLE001 - it is dropped, refused or told nothing: it comes again
                stop.wait(0.2)

    with ExitStack() as held:
        for _ in range(20):  # they ask for the hour and never read it
            silent = held.enter_context(socket.create_connection((host, int(port)), 5))
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.sendall(f"GET /api/rows?symbol=AAPL HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode() * 20)
        for _ in range(30):  # they never finish their request
            held.enter_context(socket.create_connection((host, int(port)), 5)).sendall(b"GET / HTTP/1.1\r\nHost: x")
        threads = [threading.Thread(target=never_acknowledges) for _ in range(20)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)


def test_pictures_of_it_are_taken_by_a_command(stack: RunningStack, browser: Browser, tmp_path: Path) -> None:
    assert browser.is_connected()
    command = [sys.executable, "-m", "tools.screenshots", str(tmp_path)]
    assert subprocess.run(command, env=_environment(stack), check=False, timeout=200).returncode == 0
    assert {path.stem for path in tmp_path.glob("*.png")} >= {"console-chart", "console-phone", "console-procedures"}


def test_the_rolling_audit_counts_what_the_broker_holds(stack: RunningStack) -> None:
    def value(name: str) -> float | None:
        found = prometheus(stack, "query", query=f"torghut_audit_{name}")["result"]
        return float(found[0]["value"][1]) if found else None

    wait_until(lambda: value("events"), 240, "the first rolling audit", 2.0)
    assert (value("lost"), value("duplicated"), value("failures_total")) == (0, 0, 0)


def test_a_stopped_broker_fires_the_alert_that_names_its_procedure(stack: RunningStack) -> None:
    stack.stop("kafka")
    try:

        def firing() -> dict[str, Any] | None:
            alerts = prometheus(stack, "alerts")["alerts"]
            found = (a for a in alerts if a["labels"]["alertname"] == "KafkaNotWritable" and a["state"] == "firing")
            return next(found, None)

        alert = wait_until(firing, 200, "the alert to fire", 2.0)
        assert alert["annotations"]["procedure"] == "kafka-produce-failure"
    finally:
        stack.start("kafka", 120)


def test_the_evidence_of_what_was_seen_stays_read_only(stack: RunningStack) -> None:
    before = _mtimes(stack.home.root / "desired")
    for method in ("POST", "PUT", "DELETE"):
        assert httpx.request(method, f"{console_url(stack)}api/procedures", trust_env=False).status_code == 405
    assert _mtimes(stack.home.root / "desired") == before


def _mtimes(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.glob("*.json")}
