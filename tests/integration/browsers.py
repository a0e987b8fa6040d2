"""A real headless Chromium for tests, and what every page is checked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from tools import browser as tool

from torghut.platform.artifacts import cache_directory
from torghut.platform.chart import axe_file, fetch_chart
from torghut.platform.waiting import wait_until


@dataclass
class Watched:
    """A page, and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def until(self, expression: str, deadline_s: float = 30.0) -> None:
        """Wait until it holds on the page, asked through the debugger: the page's policy allows no other way."""

        def pause(seconds: float) -> None:
            self.page.wait_for_timeout(seconds * 1000)

        asked = f"(() => {{ try {{ return !!({expression}); }} catch {{ return false; }} }})()"
        wait_until(lambda: bool(self.page.evaluate(asked)), deadline_s, expression, sleep=pause)

    def serious(self) -> list[str]:
        """What axe finds serious or critical."""
        fetch_chart(cache_directory(os.environ))
        path = axe_file(cache_directory(os.environ))
        assert path is not None
        # Through the debugger, as the page's policy lets no script in.
        self.page.evaluate(path.read_text() + "\n;undefined")
        found: dict[str, Any] = self.page.evaluate("axe.run()")
        return [
            f"{violation['id']}: {violation['help']} ({node['html'][:120]})"
            for violation in found["violations"]
            if violation["impact"] in {"serious", "critical"}
            for node in violation["nodes"]
        ]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where there is none."""
    with ExitStack() as stack:
        try:
            browser = stack.enter_context(tool.chromium())
        except tool.NoBrowserError as error:
            pytest.skip(str(error))
        yield browser


@contextmanager
def watched(browser: Browser, url: str, **options: Any) -> Iterator[Watched]:
    """A page in a context of its own, open at `url`."""
    context = browser.new_context(viewport=options.pop("viewport", {"width": 1440, "height": 900}), **options)
    context.set_default_timeout(30_000)
    page = context.new_page()
    found = Watched(page)
    page.on("console", found.hear)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    try:
        page.goto(url)
        yield found
    finally:
        context.close()
