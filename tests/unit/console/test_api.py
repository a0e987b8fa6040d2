from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.unit.console.desk import Desk, told
from tests.unit.console.records import T0, bar, signal
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from torghut.console import live
from torghut.wire.envelope import DeadLetter


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path).serving() as desk:
        yield desk


@pytest.fixture
def http(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{desk.address}", trust_env=False) as client:
        yield client


def farewell(socket: ClientConnection, *, polite: bool = True) -> tuple[int, str]:
    """The code and the reason with which the console closes the connection."""
    try:
        while True:
            told(socket) if polite else socket.recv(10)
    except ConnectionClosed as end:
        return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")


def test_the_hour_of_a_symbol_is_answered_as_it_is_on_the_board(desk: Desk, http: httpx.Client) -> None:
    desk.take(bar(T0, 10.0))
    desk.take(signal(T0, 10.0))
    answer = http.get("/api/rows", params={"symbol": "aapl"}).json()
    assert answer["rows"][0]["c"] == 10.0
    assert answer["reason"] is None


def test_a_symbol_without_data_is_answered_with_the_reason(http: httpx.Client) -> None:
    assert http.get("/api/rows?symbol=ZZZ").json()["reason"] == "no bar of ZZZ in the last hour"


@pytest.mark.parametrize("path", ["/api/rows?symbol=%3Cscript%3E", "/api/rows", "/api/symbols?q=a%20b"])
def test_a_bad_symbol_is_400_with_a_reason(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 400
    assert "is not a symbol" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/runs/local/x", "/api/runs/..%2F..%2Fsecrets/x", "/api/journal/kubernetes"])
def test_an_unknown_run_or_target_is_400_with_a_reason(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code in {400, 404}
    assert "secrets" not in answer.text or answer.status_code == 400


def test_the_procedures_name_their_commands(http: httpx.Client) -> None:
    cards = {card["name"]: card for card in http.get("/api/procedures").json()["procedures"]}
    assert cards["alpaca-rotation"]["commands"][0].startswith("torghut runbook plan alpaca-rotation")


@pytest.mark.parametrize("path", ["/", "/procedures", "/page/main.js", "/api/symbols", "/nothing", "/metrics"])
def test_every_answer_carries_the_security_headers(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(http: httpx.Client, method: str) -> None:
    assert http.request(method, "/api/rows").status_code == 405


def test_another_host_name_is_refused(http: httpx.Client) -> None:
    assert http.get("/", headers={"host": "rebound.example:8088"}).status_code == 421


def test_a_page_without_its_chart_library_is_told_how_to_get_it(http: httpx.Client) -> None:
    answer = http.get("/vendor/lightweight-charts.mjs")
    assert (answer.status_code, "torghut setup" in answer.text) == (404, True)


def test_metrics_tell_what_the_topics_said(desk: Desk, http: httpx.Client) -> None:
    desk.take(bar(T0, 10.0))
    text = http.get("/metrics").text
    assert "torghut_console_rows 1.0" in text
    assert 'torghut_forwarders{role="standby"} 0.0' in text


def test_the_page_asks_for_nothing_from_elsewhere(http: httpx.Client) -> None:
    for path in ("/", "/procedures"):
        text = http.get(path).text
        assert "<style" not in text
        assert "onclick" not in text
        assert 'src="http' not in text
        assert '<link rel="stylesheet" href="/page/' in text


def test_a_socket_from_another_origin_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        desk.browser(origin="https://evil.example")


def test_a_browser_sees_a_bar_that_comes_while_it_looks(desk: Desk) -> None:
    with desk.browser() as socket:
        socket.send('{"type":"watch","symbol":"AAPL"}')
        while told(socket).get("symbol") != "AAPL":
            pass
        desk.take(bar(T0, 10.0))
        update = told(socket)
        while not update.get("rows"):
            update = told(socket)
    assert update["rows"][0]["c"] == 10.0


def test_a_browser_that_does_not_acknowledge_is_told_and_dropped(tmp_path: Path) -> None:
    with Desk(tmp_path, acknowledge_s=0.2).serving() as desk, desk.browser() as socket:
        code, reason = farewell(socket, polite=False)
    assert (code, "too slow" in reason) == (live.TRY_AGAIN_LATER, True)
    assert desk.metrics.dropped == {"slow": 1}


@pytest.mark.parametrize("text", ["nonsense", '{"type":"buy"}', "[" * 500])
def test_a_browser_that_sends_nonsense_is_told_and_dropped(desk: Desk, text: str) -> None:
    with desk.browser() as socket:
        socket.send(text)
        assert farewell(socket)[0] == live.POLICY


def test_a_browser_that_sends_bytes_is_dropped(desk: Desk) -> None:
    with desk.browser() as socket:
        socket.send(b"\x00")
        assert farewell(socket)[0] == live.POLICY


def test_a_message_that_is_too_long_ends_the_connection(desk: Desk) -> None:
    with desk.browser() as socket:
        socket.send(" " * (live.MAX_REQUEST_BYTES + 1))
        assert farewell(socket)[0] == 1009


def test_a_browser_that_asks_too_often_is_told_and_dropped(desk: Desk) -> None:
    with desk.browser() as socket:
        with suppress(ConnectionClosed):  # the door may be shut while it still talks
            for _ in range(200):
                socket.send('{"type":"watch","symbol":"AAPL"}')
        assert "requests in a second" in farewell(socket)[1]


def test_one_browser_too_many_is_told_to_come_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_BROWSERS", 1)
    with desk.browser() as first:
        told(first)
        with desk.browser() as second:
            assert farewell(second)[0] == live.TRY_AGAIN_LATER
    assert desk.metrics.dropped["full"] == 1


def test_a_flood_of_dead_letters_is_a_line_in_ten_seconds(desk: Desk) -> None:
    def letter(ts_s: float) -> DeadLetter:
        return DeadLetter(
            version=1, ts=int(ts_s * 1e9), source="ta", topic=None, symbol="A", reason="unknown_trade", detail="d",
            raw="", truncated=False,
        )  # fmt: skip

    for number in range(300):
        desk.events.dead_letter(letter(1000 + number / 10))
    told_of = [event.words for event in desk.events.since(0)]
    assert len(told_of) == 3
    assert "(and 99 more)" in told_of[1]
