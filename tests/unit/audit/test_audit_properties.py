"""Whatever is done to the records of whatever happened, the report counts exactly that."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.audit.world import CHANNEL, MS, T0, S, World, bar, cancel, correction, luld, quote, status, trade

from torghut.audit.report import ChannelCounts, Report

SYMBOLS = ("AAPL", "MSFT", "BTC/USD")
DEEDS = ("deliver", "deliver", "deliver", "lose", "double", "repair", "repair_late", "falsify", "twice_repaired")
SEQ_STEPS = {"next": 1, "jump": 3, "same": 0, "back": -2}
FIELDS = ("sent", "received", "repaired", "lost", "duplicated", "unexpected", "wrong", "gap", "reordered", "seq_gaps")
CHANNELS = ("trades", "quotes", "bars", "updated_bars", "cancel_errors", "corrections", "statuses", "lulds")

happenings = st.lists(
    st.tuples(
        st.sampled_from(CHANNELS),
        st.sampled_from(SYMBOLS),
        st.integers(0, 40),  # a small range: ids, times and values collide
        st.sampled_from(DEEDS),
    ),
    max_size=40,
)
strangers = st.lists(st.tuples(st.sampled_from(CHANNELS), st.integers(0, 3)), max_size=3)


def message(channel: str, symbol: str, number: int) -> dict[str, Any]:
    """Unique by `number` in every channel, and so are the coarser identities."""
    ns = T0 + number * MS
    makers = {
        "trades": lambda: trade(number, T0 + number % 7 * MS, symbol),
        "quotes": lambda: quote(ns, symbol),
        "bars": lambda: bar(T0 + number * 60 * S, symbol),
        # Of other times than the bars: what a repaired bar says of its own minute's updates has a test of its own.
        "updated_bars": lambda: bar(T0 + (60 * number + 30) * S, symbol, kind="u"),
        "cancel_errors": lambda: cancel(number, ns, symbol),
        "corrections": lambda: correction(number * 2, ns, symbol),
        "statuses": lambda: status(ns, symbol),
        "lulds": lambda: luld(ns, symbol),
    }
    return makers[channel]()


FALSE = {"trades": "c", "quotes": "bs", "bars": "v", "updated_bars": "v", "cancel_errors": "a"}
FALSE |= {"corrections": "cp", "statuses": "rm", "lulds": "u"}


def tell(happened: list[tuple[str, str, int, str]], data: st.DataObject) -> tuple[World, Counter[tuple[str, str]]]:
    """A world in which this was done, and what its report has to count."""
    world, expected, writes = World(), Counter[tuple[str, str]](), []
    seen = set()
    for channel, symbol, number, deed in happened:
        # Equal events are one thing in most channels, and told by number in the others: there, the test of identical
        # quotes below says more. Here each is told once.
        if (channel, symbol, number) in seen:
            continue
        seen.add((channel, symbol, number))
        event = world.happen(message(channel, symbol, number))
        expected[channel, "sent"] += 1
        expected[channel, "lost" if deed == "lose" else "received"] += 1
        if deed == "lose":
            continue
        repaired = deed in {"repair", "repair_late", "twice_repaired"}
        expected[channel, "repaired"] += repaired
        changes: dict[str, Any] = {"source": "rest" if repaired else "ws"}
        if deed == "repair_late":
            changes["delay_ns"] = 300 * S
        if deed == "falsify":
            expected[channel, "wrong"] += 1
            event = event | {FALSE[channel]: 123456}
        times = 2 if deed in {"double", "twice_repaired"} else 1
        expected[channel, "duplicated"] += times - 1
        writes += [(event, changes)] * times
    for event, changes in data.draw(st.permutations(writes)):
        _write(world, event, changes, expected, data)
    return world, expected


def _write(world: World, event: Any, changes: Any, expected: Counter[tuple[str, str]], data: st.DataObject) -> None:
    key = CHANNEL[event["T"]].value, event["S"]
    newest = world.newest.get(key)
    step = data.draw(st.sampled_from(sorted(SEQ_STEPS)))
    if newest is None:
        step = "next"
    expected[key[0], "reordered"] += step in {"same", "back"}
    expected[key[0], "seq_gaps"] += step == "jump"
    seq = (newest or 1000) + SEQ_STEPS[step]
    world.newest[key] = max(newest or 0, seq)
    world.record(event, seq=seq, **changes)


def counted(report: Report) -> Counter[tuple[str, str]]:
    return +Counter(
        {(name, field): getattr(counts, field) for name, counts in report.channels.items() for field in FIELDS}
    )


@settings(deadline=None, max_examples=150)
@given(happened=happenings, unknown=strangers, data=st.data())
def test_the_report_counts_exactly_what_was_done(
    happened: list[tuple[str, str, int, str]], unknown: list[tuple[str, int]], data: st.DataObject
) -> None:
    world, expected = tell(happened, data)
    for channel, number in dict.fromkeys(unknown):
        world.record(message(channel, "TSLA", number))
        expected[channel, "unexpected"] += 1
    report = world.report()
    assert counted(report) == +expected
    harmless = {"sent", "received", "repaired", "gap"}
    assert (report.verdict == "ok") == (not any(count for (_, what), count in expected.items() if what not in harmless))


@settings(deadline=None, max_examples=60)
@given(happened=happenings, data=st.data())
def test_what_is_spilled_to_files_is_compared_like_what_stays_in_memory(
    happened: list[tuple[str, str, int, str]], data: st.DataObject
) -> None:
    world, _ = tell(happened, data)
    spilled = world.report(memory_bytes=data.draw(st.integers(0, 2000)), batch=data.draw(st.integers(1, 3)))
    assert msgspec.structs.replace(spilled, examples=()) == msgspec.structs.replace(world.report(), examples=())


@settings(deadline=None)
@given(sent=st.integers(0, 6), written=st.integers(0, 6), other=st.integers(0, 3))
def test_identical_quotes_need_exactly_their_number(sent: int, written: int, other: int) -> None:
    world = World()
    for _ in range(sent):
        world.happen(quote(T0))
    for _ in range(other):
        world.both(quote(T0, bs=77))
    for _ in range(written):
        world.record(quote(T0))
    counts = world.counts("quotes")
    known = min(sent, written)
    assert counts == ChannelCounts(
        sent=sent + other,
        received=known + other,
        lost=sent - known,
        duplicated=written - known if sent else 0,
        unexpected=0 if sent else written,
    )


@settings(deadline=None)
@given(happened=happenings, data=st.data())
def test_a_ledger_that_ends_anywhere_is_understood_up_to_its_last_whole_line(
    happened: list[tuple[str, str, int, str]], data: st.DataObject
) -> None:
    world, _ = tell(happened, data)
    whole = world.report()
    line = world.copy()
    line.happen(trade(99_999, T0))
    half = line.ledger[-1][: data.draw(st.integers(0, len(line.ledger[-1]) - 1))]
    assert world.report(tail=half) == whole
