"""A headless Chromium on the console of the running stack, for the tools that look at the page."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from torghut.stack.document import running_document
from torghut.stack.home import Home

DESK: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
MISSING: Final = "Chromium is not installed: run `make setup-browser` (Debian's chromium), or put it on the PATH"


class NoBrowserError(Exception):
    """There is no Chromium here; the message says what to do."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, without its sandbox: it may run as root in containers, and only our own page is opened.

    Raises:
        NoBrowserError: none is installed.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        raise NoBrowserError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def live_page(browser: Browser, url: str, viewport: dict[str, int], scheme: str = "light") -> Iterator[Page]:
    """The page at `url`, when its connection is live."""
    options: Any = {"viewport": viewport, "color_scheme": scheme, "device_scale_factor": 1}
    context = browser.new_context(**options)
    try:
        page = context.new_page()
        page.goto(url)
        page.locator("#connection[data-state=live]").wait_for()
        yield page
    finally:
        context.close()


@contextmanager
def console_browser() -> Iterator[tuple[Browser, str]]:
    """A browser, and the URL of the running stack's console.

    Raises:
        SystemExit: 2, when either is not there, after saying so.
    """
    document = running_document(Home.from_environment())
    if document is None or document.console is None:
        sys.stderr.write("no stack runs: `torghut up --detach`, `torghut ta submit`, and try again\n")
        raise SystemExit(2)
    try:
        with chromium() as browser:
            yield browser, document.console.url
    except NoBrowserError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from error
