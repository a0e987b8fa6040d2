"""The page in a real Chromium, on a real Kafka: the chart, its states, keys, and what axe says."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.integration.browsers import Watched, chromium, watched
from tests.integration.consoles import ConsoleProcess, Job

from torghut.client import Channel
from torghut.stack.running import RunningStack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PHONE: Final = {"width": 390, "height": 844}
LIVE: Final = "document.querySelector('#connection').dataset.state === 'live'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def job(broker: RunningStack, topic_prefix: str) -> Job:
    job = Job(broker, topic_prefix)
    for symbol in ("AAPL", "MSFT"):
        job.seconds(symbol, 300)
    return job


@pytest.fixture
def console(job: Job, tmp_path: Path) -> Iterator[ConsoleProcess]:
    with ConsoleProcess(job.broker.environment("audit", job.prefix), tmp_path) as console:
        yield console


@contextmanager
def writing(job: Job, symbol: str) -> Iterator[None]:
    """Finals and provisional values go on inside the block, and the statuses that say that all is well."""
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.25):
            now = int(time.time())
            job.second(symbol, now, revision=None)
            job.second(symbol, now - 2)
            job.forwarder()
            job.status()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def drawn(page: Page) -> dict[int, dict[str, Any]]:
    """The candles on the chart, by their time."""
    return {candle["time"]: candle for candle in page.evaluate("torghut.chart.drawn()")}


def test_the_chart_draws_what_the_topic_holds_and_goes_on_live(
    browser: Browser, console: ConsoleProcess, job: Job
) -> None:
    with watched(browser, f"{console.url}/?symbol=AAPL") as view, writing(job, "AAPL"):
        page = view.page
        view.until("torghut.rows.size >= 300")
        before = len(drawn(page))
        view.until(f"torghut.chart.drawn().length >= {before + 3}")
        expect(page.locator("#plot-title")).to_contain_text(re.compile(r"AAPL \d"))
        view.until("[...document.querySelectorAll('#values dd')].some(e => e.textContent === 'still open')")
        candles = drawn(page)
        topic = job.newest(Channel.TA_BARS, "AAPL")
        finals = [second for second in candles if second in topic and second < time.time() - 5]
        assert len(finals) >= 290
        for second in finals:
            expected = {"open": topic[second].o, "high": topic[second].h, "low": topic[second].l}
            assert {name: candles[second][name] for name in expected} == expected
        assert view.complaints == []


def test_longer_bars_are_rolled_up(browser: Browser, console: ConsoleProcess, job: Job) -> None:
    with watched(browser, f"{console.url}/?symbol=AAPL") as view:
        page = view.page
        view.until("torghut.rows.size >= 300")
        topic = job.newest(Channel.TA_BARS, "AAPL")
        page.keyboard.press("3")
        for start, candle in drawn(page).items():
            bars = [topic[second] for second in range(start, start + 15) if second in topic]
            assert start % 15 == 0
            assert candle["open"] == bars[0].o
            assert candle["close"] == bars[-1].c
            assert candle["high"] == max(bar.h for bar in bars)


def test_overlays_and_panes_are_switched_by_button_and_key(browser: Browser, console: ConsoleProcess) -> None:
    with watched(browser, f"{console.url}/?symbol=AAPL") as view:
        page = view.page
        view.until("torghut.rows.size >= 300")
        lines = page.locator("#key-lines dt")
        expect(lines.filter(has_text="EMA 12")).to_have_count(1)
        page.get_by_role("button", name="EMA 12/26").click()
        expect(lines.filter(has_text="EMA 12")).to_have_count(0)
        page.keyboard.press("e")
        expect(lines.filter(has_text="EMA 12")).to_have_count(1)
        panes = page.locator("#chart tr:has(canvas)")
        before = panes.count()
        page.keyboard.press("m")
        assert panes.count() < before
        expect(page.get_by_role("button", name="MACD")).to_have_attribute("aria-pressed", "false")
        assert view.complaints == []


def test_a_symbol_is_found_by_keyboard(browser: Browser, console: ConsoleProcess) -> None:
    with watched(browser, f"{console.url}/?symbol=AAPL") as view:
        page = view.page
        view.until(LIVE)
        page.keyboard.press("/")
        page.keyboard.type("ms")
        expect(page.get_by_role("option", name="MSFT")).to_be_visible()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#plot-title")).to_contain_text("MSFT")
        view.until("torghut.symbol === 'MSFT' && torghut.rows.size >= 300")


def test_a_symbol_without_data_and_a_wrong_one_are_told(browser: Browser, console: ConsoleProcess, job: Job) -> None:
    with watched(browser, f"{console.url}/?symbol=ZZZ") as view, writing(job, "AAPL"):
        page = view.page
        expect(page.locator("#banner")).to_contain_text("No data for ZZZ in the last hour")
        page.locator("#symbol").fill("<b>")
        page.keyboard.press("Enter")
        expect(page.locator("#symbol-problem")).to_contain_text("is not a symbol")
        expected = {"Failed to load resource: the server responded with a status of 400 (Bad Request)"}
        assert set(view.complaints) <= expected


def test_a_lost_connection_is_told_and_healed_without_a_hole(
    browser: Browser, console: ConsoleProcess, job: Job
) -> None:
    with watched(browser, f"{console.url}/?symbol=AAPL") as view:
        page = view.page
        view.until("torghut.rows.size >= 300")
        console.stop()
        expect(page.locator("#connection")).to_contain_text("connection lost, last seen")
        expect(page.locator("#banner")).to_contain_text("What you see is from before")
        newest = job.seconds("AAPL", 60)
        console.start()
        view.until(LIVE)
        view.until(f"torghut.rows.newest === {newest}")
        topic = job.newest(Channel.TA_BARS, "AAPL")
        candles = drawn(page)
        assert set(candles) == set(topic)


def test_a_broken_kafka_is_told_on_the_page(browser: Browser, console: ConsoleProcess, broker: RunningStack) -> None:
    with watched(browser, f"{console.url}/?symbol=AAPL") as view:
        page = view.page
        view.until(LIVE)
        broker.stop("kafka")
        try:
            expect(page.locator("#banner")).to_contain_text("kafka: Kafka does not answer", timeout=30_000)
            expect(page.locator("#strip [data-part=kafka]")).to_have_attribute("data-level", "bad")
            expect(page.locator("#strip [data-part=kafka] a")).to_have_text("run kafka-produce-failure")
        finally:
            broker.start("kafka")
        expect(page.locator("#strip [data-part=kafka]")).to_have_attribute("data-level", "ok", timeout=60_000)


def _opened(view: Watched) -> None:
    view.until("document.querySelectorAll('#strip li').length === 7")
    view.until("torghut.rows.size >= 300")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, console: ConsoleProcess, job: Job, scheme: str) -> None:
    job.forwarder()
    job.forwarder(status="error", reason="kafka_acl", detail="write on trades")
    with watched(browser, f"{console.url}/?symbol=AAPL", color_scheme=scheme) as view:
        _opened(view)
        assert view.serious() == []
        view.page.goto(f"{console.url}/procedures")
        expect(view.page.locator(".procedure").first).to_be_visible()
        assert view.serious() == []


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, console: ConsoleProcess) -> None:
    with watched(browser, f"{console.url}/?symbol=AAPL", viewport=PHONE, has_touch=True) as view:
        _opened(view)
        for path in ("/?symbol=AAPL", "/procedures"):
            view.page.goto(f"{console.url}{path}")
            view.until("document.querySelector('#connection').dataset.state === 'live'")
            wide: int = view.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"]


def test_hours_of_updates_keep_the_memory_of_the_page_bounded(browser: Browser, console: ConsoleProcess) -> None:
    with watched(browser, f"{console.url}/?symbol=AAPL") as view:
        _opened(view)
        kept: int = view.page.evaluate(
            """() => {
              const start = torghut.rows.newest;
              for (let n = 1; n <= 20000; n++) {
                const row = { t: start + n, bar_rank: 0, signal_rank: 0, o: 1, h: 2, l: 0.5, c: 1.5, v: 9, n: 1 };
                torghut.chart.update(torghut.rows.put([row]));
              }
              return Math.max(torghut.rows.size, torghut.chart.drawn().length);
            }"""
        )
        assert kept <= 5000


def test_twelve_symbols_at_full_pace_leave_the_page_its_frames(
    browser: Browser, console: ConsoleProcess, job: Job
) -> None:
    """Sixty frames a second is what an idle machine gives; here the page's own work in a frame is what counts."""
    with watched(browser, f"{console.url}/?symbol=AAPL") as view, writing(job, "AAPL"):
        _opened(view)
        longest: float = view.page.evaluate(
            """() => {
              const times = [];
              for (let n = 0; n < 200; n++) {
                const t = torghut.rows.newest;
                const rows = [t - 2, t - 1, t].map((s) => ({ ...torghut.rows.get(s) ?? { t: s }, c: 100 + n / 50 }));
                const begun = performance.now();
                torghut.chart.update(torghut.rows.put(rows));
                times.push(performance.now() - begun);
              }
              return times.sort((a, b) => a - b)[Math.floor(times.length * 0.9)];
            }"""
        )
        assert longest < 16.0
