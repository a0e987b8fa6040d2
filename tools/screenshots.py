"""The pictures in `docs/images` (or in a folder named), of the console of the running stack: `make screenshots`.

Give the stack a job and some minutes first (`torghut up --detach`, `torghut ta submit`), so that there is something to
see. A picture of a run needs a run: without one, it is left out.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from torghut.stack.document import running_document
from torghut.stack.home import Home

_FOLDER: Final = Path("docs/images")
_DESK: Final = {"width": 1440, "height": 900}
_PHONE: Final = {"width": 390, "height": 844}
_SETTLE_MS: Final = 2_500


@contextmanager
def _page(browser: Browser, url: str, viewport: dict[str, int], scheme: str = "light") -> Iterator[Page]:
    options: Any = {"viewport": viewport, "color_scheme": scheme, "device_scale_factor": 1}
    context = browser.new_context(**options)
    try:
        page = context.new_page()
        page.goto(url)
        page.locator("#connection[data-state=live]").wait_for()
        page.wait_for_timeout(_SETTLE_MS)
        yield page
    finally:
        context.close()


def _take(browser: Browser, url: str, folder: Path) -> None:
    def shoot(page: Page, name: str, *, whole: bool = False) -> None:
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=whole)
        sys.stderr.write(f"{path}\n")

    chart = f"{url}?symbol=AAPL"
    with _page(browser, chart, _DESK) as page:
        shoot(page, "console-chart")
    with _page(browser, f"{chart}&size=5", _DESK, "dark") as page:
        shoot(page, "console-chart-dark")
    with _page(browser, chart, _PHONE) as page:
        shoot(page, "console-phone", whole=True)
    with _page(browser, f"{url}procedures", _DESK) as page:
        page.locator(".procedure summary").first.click()
        shoot(page, "console-procedures")
        runs = page.locator("#runs .run-head a")
        if runs.count() > 0:
            runs.first.click()
            page.locator(".evidence h1").wait_for()
            shoot(page, "console-evidence", whole=True)


def main(arguments: list[str]) -> int:
    """Take them all."""
    folder = Path(arguments[0]) if arguments else _FOLDER
    document = running_document(Home.from_environment())
    executable = shutil.which("chromium")
    if document is None or document.console is None:
        sys.stderr.write("no stack runs: `torghut up --detach`, `torghut ta submit`, and try again\n")
        return 2
    if executable is None:
        sys.stderr.write("Chromium is not installed: run `make setup-browser`\n")
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            _take(browser, document.console.url, folder)
        finally:
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
