"""How smoothly the console's page draws, on the running stack: `make frames`, or `python -m tools.frames SECONDS`.

A headless Chromium shows the chart with every overlay and pane while the stack flows; the page's own frames are
counted. It draws without a graphics card, on the same cores as the pipeline: a desk does better.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import msgspec

from tools.browser import DESK, console_browser, live_page
from torghut.bench.machine import Machine, this_machine

_WARM_UP_MS: Final = 5_000
_SECONDS: Final = 20.0
_COUNT: Final = """async (seconds) => {
  const intervals = [], heap = () => performance.memory?.usedJSHeapSize ?? 0;
  const before = heap(), rows = window.torghut.rows.size;
  let updates = 0;
  const count = () => { updates += 1; };
  window.torghut.live.addEventListener("update", count);
  await new Promise((done) => {
    const end = performance.now() + seconds * 1000;
    let last = performance.now();
    const frame = () => {
      const now = performance.now();
      intervals.push(now - last);
      last = now;
      if (now < end) requestAnimationFrame(frame); else done();
    };
    requestAnimationFrame(frame);
  });
  window.torghut.live.removeEventListener("update", count);
  return { intervals, updates, rows, heap_mb: [before / 1e6, heap() / 1e6] };
}"""


class Frames(msgspec.Struct, frozen=True):
    """What was counted. Times in ms; `slow` is the share of frames that took longer than two at 60 a second."""

    machine: Machine
    seconds: float
    frames_per_second: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    slow: float
    updates: int
    rows: int
    heap_mb: list[float]


def _frames(seconds: float, counted: dict[str, Any]) -> Frames:
    intervals: list[float] = sorted(counted["intervals"])

    def quantile(part: float) -> float:
        return round(intervals[min(len(intervals) - 1, int(part * len(intervals)))], 1)

    return Frames(
        machine=this_machine(),
        seconds=seconds,
        frames_per_second=round(len(intervals) / (sum(intervals) / 1000), 1),
        p50_ms=quantile(0.5),
        p99_ms=quantile(0.99),
        longest_ms=round(intervals[-1], 1),
        slow=round(sum(1 for interval in intervals if interval > 2 * 1000 / 60) / len(intervals), 4),
        updates=counted["updates"],
        rows=counted["rows"],
        heap_mb=[round(size, 1) for size in counted["heap_mb"]],
    )


def main(arguments: list[str]) -> int:
    """Count, and print one JSON document."""
    seconds = float(arguments[0]) if arguments else _SECONDS
    with console_browser() as (browser, url), live_page(browser, url, DESK) as page:
        page.wait_for_timeout(_WARM_UP_MS)
        counted = page.evaluate(_COUNT, seconds)
    sys.stdout.write(json.dumps(msgspec.to_builtins(_frames(seconds, counted)), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
