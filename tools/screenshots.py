"""The pictures in `docs/images` (or in a folder named), of the console of the running stack: `make screenshots`.

Give the stack a job and some minutes first (`torghut up --detach`, `torghut ta submit`), so that there is something to
see. A picture of a run needs a run: without one, it is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from tools.browser import DESK, PHONE, console_browser, live_page

_FOLDER: Final = Path("docs/images")
_SETTLE_MS: Final = 2_500


@contextmanager
def _settled(browser: Browser, url: str, viewport: dict[str, int], scheme: str = "light") -> Iterator[Page]:
    with live_page(browser, url, viewport, scheme) as page:
        page.wait_for_timeout(_SETTLE_MS)
        yield page


def _take(browser: Browser, url: str, folder: Path) -> None:
    def shoot(page: Page, name: str, *, whole: bool = False) -> None:
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=whole)
        sys.stderr.write(f"{path}\n")

    chart = f"{url}?symbol=AAPL"
    with _settled(browser, chart, DESK) as page:
        shoot(page, "console-chart")
    with _settled(browser, f"{chart}&size=5", DESK, "dark") as page:
        shoot(page, "console-chart-dark")
    with _settled(browser, chart, PHONE) as page:
        shoot(page, "console-phone", whole=True)
    with _settled(browser, f"{url}procedures", DESK) as page:
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
    with console_browser() as (browser, url):
        folder.mkdir(parents=True, exist_ok=True)
        _take(browser, url, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
