"""From what was noted to figures. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from torghut.bench.errors import BenchError
from torghut.bench.ta.watch import Seen
from torghut.wire.times import NS_PER_MS, NS_PER_S


def expected_bars(trades: array[int], symbols: Sequence[str]) -> Counter[tuple[str, int]]:
    """How many trades each (symbol, second) has. `trades`: event time (ns) and symbol number in turns."""
    return Counter((symbols[number], at // NS_PER_S) for at, number in zip(trades[::2], trades[1::2], strict=True))


def check_bars(bars: Iterable[Seen], expected: Mapping[tuple[str, int], int]) -> None:
    """Each bar exactly once, with all its trades.

    Raises:
        BenchError: one is missing, doubled, revised, unknown, or counts other trades.
    """
    found = Counter((bar.symbol, bar.second) for bar in bars)
    counted = {(bar.symbol, bar.second): bar.trades for bar in bars}
    missing = sum(key not in found for key in expected)
    unknown = sum(key not in expected for key in found)
    doubled = sum(count > 1 for count in found.values())
    wrong = sum(counted[key] != expected[key] for key in counted if key in expected)
    if missing or unknown or doubled or wrong:
        raise BenchError(
            f"of {len(expected)} bars {missing} missing, {doubled} doubled, {wrong} wrong, {unknown} unknown: no figure"
        )


def provisional_ms(trades: array[int], symbols: Sequence[str], seen: Mapping[str, array[int]]) -> list[float]:
    """For each trade, sorted: from the event until a provisional value that counts it could be read, ms.

    A value counts all trades up to the newest one that it names. Raises BenchError if a trade is in none.
    """
    by_symbol = {symbol: _shown(notes) for symbol, notes in seen.items()}
    found, unseen = [], 0
    for at, number in zip(trades[::2], trades[1::2], strict=True):
        newest, times = by_symbol.get(symbols[number], ([], []))
        place = bisect_left(newest, at)
        if place == len(newest):
            unseen += 1
        else:
            found.append((times[place] - at) / NS_PER_MS)
    if unseen:
        raise BenchError(f"{unseen} of {len(trades) // 2} trades were in no provisional value: no figure")
    return sorted(found)


def _shown(notes: array[int]) -> tuple[list[int], list[int]]:
    """Newest trades in ascending order, and when each, or a newer one, could be read first."""
    newest: list[int] = []
    times: list[int] = []
    for trade, at in zip(notes[::2], notes[1::2], strict=True):
        if not newest or trade > newest[-1]:
            newest.append(trade)
            times.append(at)
    return newest, times


def final_ms(bars: Iterable[Seen]) -> list[float]:
    """For each bar, sorted: from its window's end until it could be read, ms."""
    return sorted(_behind_ms(bar) for bar in bars)


def caught_up_s(bars: Sequence[Seen], since_ns: int, lag_ms: float) -> float:
    """Seconds from `since_ns` until bars were no more than `lag_ms` behind their window's end, and stayed so.

    Until the last bar of all, when they never were: it took at least that long.
    """
    last = max((bar.at_ns for bar in bars if _behind_ms(bar) > lag_ms), default=since_ns)
    after = (bar.at_ns for bar in bars if bar.at_ns > last)
    return (min(after, default=last) - since_ns) / NS_PER_S


def _behind_ms(bar: Seen) -> float:
    return (bar.at_ns - (bar.second + 1) * NS_PER_S) / NS_PER_MS
