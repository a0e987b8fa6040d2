"""The page's roll-up of seconds into longer bars, run by Node as the browser would."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torghut.console.api import PAGE

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed: the page's own code is not run")

_SCRIPT = f"""
import {{ Rows, KEPT_S }} from "{(PAGE / "rows.js").as_uri()}";
let text = "";
process.stdin.on("data", (part) => {{ text += part; }});
process.stdin.on("end", () => {{
  const {{ puts, size }} = JSON.parse(text);
  const rows = new Rows();
  for (const put of puts) rows.put(put);
  process.stdout.write(JSON.stringify({{ bars: rows.bars(size), kept: rows.size, newest: rows.newest, KEPT_S }}));
}});
"""


def rolled(puts: list[list[dict[str, Any]]], size: int) -> dict[str, Any]:
    done = subprocess.run(
        [str(NODE), "--input-type=module", "--eval", _SCRIPT],
        input=msgspec.json.encode({"puts": puts, "size": size}),
        capture_output=True,
        check=True,
        timeout=30,
    )
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


def row(t: int, close: float | None, **more: Any) -> dict[str, Any]:
    priced = {} if close is None else {"o": close - 0.5, "h": close + 1, "l": close - 1, "c": close}
    return {"t": t, "bar_rank": 0, "signal_rank": 0, "v": 10.0, "n": 2, **priced, **more}


def test_a_longer_bar_opens_with_the_first_and_closes_with_the_last_priced_second() -> None:
    (bar,) = rolled([[row(62, 5.0), row(60, None), row(61, 9.0), row(63, None)]], 60)["bars"]
    assert (bar["t"], bar["o"], bar["h"], bar["l"], bar["c"], bar["v"], bar["n"]) == (60, 8.5, 10.0, 4.0, 5.0, 40, 8)


def test_an_indicator_is_that_of_the_last_second() -> None:
    (bar,) = rolled([[row(0, 1.0, rsi14=10.0), row(1, 1.0, rsi14=20.0)]], 5)["bars"]
    assert bar["rsi14"] == 20.0


def test_a_bar_is_open_while_one_of_its_seconds_is() -> None:
    first, second = rolled([[row(0, 1.0), row(1, 1.0, bar_rank=-1), row(5, 1.0)]], 5)["bars"]
    assert (first["open"], second["open"]) == (True, False)


def test_a_bar_is_revised_when_one_of_its_seconds_is() -> None:
    (bar,) = rolled([[row(0, 1.0, bar_rank=2), row(1, 1.0)]], 5)["bars"]
    assert (bar["revised"], bar["revision"]) == (True, 2)


def test_a_later_row_replaces_that_of_its_second() -> None:
    (bar,) = rolled([[row(0, 1.0)], [row(0, 7.0)]], 1)["bars"]
    assert bar["c"] == 7.0


def test_no_more_than_an_hour_and_a_little_is_kept() -> None:
    found = rolled([[row(t, 1.0)] for t in range(10_000)], 60)
    assert found["kept"] <= found["KEPT_S"] + 600


@settings(max_examples=15)
@given(st.dictionaries(st.integers(0, 200), st.floats(1, 100, width=16), min_size=1), st.sampled_from([1, 5, 15, 60]))
def test_rolled_up_bars_hold_all_that_their_seconds_hold(closes: dict[int, float], size: int) -> None:
    bars = rolled([[row(t, close) for t, close in closes.items()]], size)["bars"]
    assert [bar["t"] for bar in bars] == sorted({t - t % size for t in closes})
    for bar in bars:
        inside = {t: close for t, close in closes.items() if bar["t"] <= t < bar["t"] + size}
        assert bar["c"] == inside[max(inside)]
        assert bar["h"] == max(inside.values()) + 1
        assert bar["v"] == 10 * len(inside)
