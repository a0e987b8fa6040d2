"""The console on a real Kafka: what it tells is what the topics hold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.consoles import ConsoleProcess, Job, told

from torghut.client import Channel
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.status import Reason

SAFE = 2**53


@pytest.fixture
def job(broker: RunningStack, topic_prefix: str) -> Job:
    return Job(broker, topic_prefix)


@pytest.fixture
def console(job: Job, tmp_path: Path) -> Iterator[ConsoleProcess]:
    job.seconds("AAPL", 120)
    with ConsoleProcess(job.broker.environment("audit", job.prefix), tmp_path) as console:
        yield console


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_the_hour_before_the_start_is_what_the_topics_hold(console: ConsoleProcess, job: Job) -> None:
    rows = console.rows("AAPL")
    bars, signals = job.newest(Channel.TA_BARS, "AAPL"), job.newest(Channel.TA_SIGNALS, "AAPL")
    assert set(rows) == set(bars)
    assert len(rows) == 120
    for second, row in rows.items():
        assert [row[name] for name in "ohlcvn"] == [getattr(bars[second], name) for name in "ohlcvn"]
        assert row["ema12"] == signals[second].ema.ema12
        assert row["bb_upper"] == signals[second].bollinger.upper


def test_a_revision_and_a_provisional_bar_arrive_live(console: ConsoleProcess, job: Job) -> None:
    now = int(time.time()) + 1
    job.second("AAPL", now, revision=None)
    job.second("AAPL", now - 30, revision=1, shift=5.0)
    job.flush()

    def arrived() -> bool:
        rows = console.rows("AAPL")
        return rows.get(now, {}).get("bar_rank") == -1 and rows[now - 30].get("bar_rank") == 1

    wait_until(arrived, 10, "both")


def test_who_comes_back_misses_nothing_and_gets_nothing_twice(console: ConsoleProcess, job: Job) -> None:
    with console.browser() as socket:
        socket.send('{"type":"watch","symbol":"AAPL"}')
        update = told(socket)
        while not update.get("rows"):
            update = told(socket)
    seen = {row["t"]: row for row in update["rows"]}
    newest = max(seen)
    for second in range(newest + 1, newest + 21):
        job.second("AAPL", second)
    job.second("AAPL", newest - 5, revision=1, shift=1.0)
    job.flush()

    def arrived() -> bool:
        rows = console.rows("AAPL")
        finals = [row for row in rows.values() if row.get("signal_rank", -2) >= 0]
        return len(finals) == len(seen) + 20 and rows[newest - 5].get("signal_rank") == 1

    wait_until(arrived, 20, "the new rows")
    with console.browser() as socket:
        wish = {"type": "watch", "symbol": "AAPL", "epoch": update["epoch"], "cursor": update["cursor"]}
        socket.send(msgspec.json.encode(wish).decode())
        again = told(socket)
        while not again.get("rows"):
            again = told(socket)
    assert not again.get("reset", False)
    assert {row["t"] for row in again["rows"]} == {newest - 5, *range(newest + 1, newest + 21)}
    assert seen | {row["t"]: row for row in again["rows"]} == console.rows("AAPL")


def test_after_a_restart_of_the_console_the_whole_hour_is_told_again(console: ConsoleProcess) -> None:
    with console.browser() as socket:
        socket.send('{"type":"watch","symbol":"AAPL"}')
        update = told(socket)
        while not update.get("rows"):
            update = told(socket)
    before = console.rows("AAPL")
    console.stop()
    console.start()
    with console.browser() as socket:
        wish = {"type": "watch", "symbol": "AAPL", "epoch": update["epoch"], "cursor": update["cursor"]}
        socket.send(msgspec.json.encode(wish).decode())
        again = told(socket)
        while not again.get("rows"):
            again = told(socket)
    assert again["reset"]
    assert {row["t"]: row for row in again["rows"]} == before


def test_statuses_become_the_strip_and_the_feed(console: ConsoleProcess, job: Job) -> None:
    job.forwarder()
    job.forwarder(status="reconnect", reason=Reason.ALPACA_CONNECTION_LIMIT, attempt=2)
    job.status(status="STALLED")
    words: list[str] = []
    with console.browser() as socket:
        strip: dict[str, Any] = {}
        while strip.get("flink", {}).get("level") != "bad" or len(words) < 3:
            update = told(socket)
            words += [event["words"] for event in update.get("events", [])]
            if update.get("state"):
                strip = {light["name"]: light for light in update["state"]["strip"]}
    assert strip["feed"]["procedure"] == "alpaca-406"
    assert words[:2] == ["subscribed and producing", "another connection of this account holds the feed (406)"]


def test_no_number_is_too_large_for_a_browser_and_no_secret_is_told(
    console: ConsoleProcess, job: Job, broker: RunningStack
) -> None:
    job.forwarder()
    job.status(last_event_ts=time.time_ns())
    texts = [msgspec.json.encode(console.get(path)).decode() for path in ("/api/rows?symbol=AAPL", "/api/procedures")]
    with console.browser() as socket:
        socket.send('{"type":"watch","symbol":"AAPL"}')
        for _ in range(5):
            text = str(socket.recv(15))
            socket.send('{"type":"seen"}')
            texts.append(text)
    for text in texts:
        assert all(abs(number) < SAFE for number in _numbers(msgspec.json.decode(text)))
    users = broker.document().kafka.users.values()
    passwords = [Path(user.password_file).read_text().strip() for user in users]
    assert len(passwords) == 4
    assert not any(password in text for password in passwords for text in texts)


def test_the_console_lives_through_an_outage_of_kafka_and_misses_nothing(
    console: ConsoleProcess, job: Job, broker: RunningStack
) -> None:
    before = set(console.rows("AAPL"))
    broker.stop("kafka")
    try:
        wait_until(lambda: console.get("/readyz")["ready"] is False, 30, "the console to notice")
        assert "Kafka" in console.get("/readyz")["reason"]
        assert set(console.rows("AAPL")) == before
    finally:
        broker.start("kafka")
    newest = max(before)
    job.second("AAPL", newest + 1)
    job.flush()
    wait_until(lambda: newest + 1 in console.rows("AAPL"), 30, "the row after the outage")
    wait_until(lambda: console.get("/readyz")["ready"], 30, "the console to be ready again")
