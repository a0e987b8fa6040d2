"""What is counted when output and truth differ: by hand, one fact each, and by random falsification."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple
from tests.unit.audit_ta.market import NS, START, Topics, cancel, quote, trade

from torghut.audit.report import BarCounts
from torghut.audit.ta import compare
from torghut.audit.ta.bars import Print, bars_of
from torghut.audit.ta.compare import TaComparison
from torghut.audit.ta.conditions import marks, rank
from torghut.audit.ta.judge import Scope
from torghut.audit.ta.rows import scaled
from torghut.audit.ta.terms import Terms

BARS, SIGNALS, DLQ = "torghut.ta.bars.1s.v1", "torghut.ta.signals.v1", "torghut.dlq.v1"


def simple() -> Topics:
    """Forty seconds with a print each, written down rightly."""
    trades = [trade("A", second + 0.1, 10 + second % 7, number=second) for second in range(40)]
    quotes = [quote("A", second + 0.05, 9 + second % 5, number=second) for second in range(40)]
    return Topics(trades, quotes).written()


def counts(topics: Topics, folder: Path) -> tuple[BarCounts, BarCounts]:
    result = topics.audit(folder)
    return result.bars, BarCounts(*astuple(result.signals))


def test_a_bar_by_hand() -> None:
    def a_print(at: float, seq: int, price: float, size: int, *conditions: str) -> Print:
        ns = START * NS + round(at * NS)
        return Print(ns, seq, int(price * 1e9), size * 10**9, marks("A", conditions), ns)

    prints = [
        a_print(0.9, 1, 12.0, 1),
        a_print(0.1, 2, 11.0, 2),
        a_print(0.9, 3, 13.0, 1),
        a_print(0.2, 4, 99.0, 6, "I"),
    ]
    (bar,) = bars_of(prints, crypto=False).to_dicts()
    assert [bar[name] for name in "ohlc"] == [11 * 10**9, 13 * 10**9, 11 * 10**9, 13 * 10**9]
    assert (bar["n"], bar["volume"], bar["notional"]) == (4, 10 * 10**9, (12 + 22 + 13 + 594) * 10**18)


@pytest.mark.parametrize(
    ("tape", "code", "inside", "outside"),
    [("A", "I", 1, 1), ("A", "B", 1, 1), ("C", "B", 3, 3), ("C", "W", 1, 1), ("A", "W", 3, 3), ("B", "T", 1, 3),
     ("A", "P", 2, 2), ("A", "Q", 0, 0), ("A", "@", 3, 3)],
)  # fmt: skip
def test_a_sale_condition_moves_what_the_table_says(tape: str, code: str, inside: int, outside: int) -> None:
    assert (rank(marks(tape, [code]), regular=True), rank(marks(tape, [code]), regular=False)) == (inside, outside)


def test_the_most_restrictive_condition_wins() -> None:
    assert rank(marks("A", ["@", "P", "I"]), regular=False) == 1


@pytest.mark.parametrize(
    ("text", "units"),
    [("0.1", 10**8), ("1e3", 10**12), ("0.0000000005", 1), ("-1", 0), ("0", 0), ("null", 0), ('"1"', 0), ("1e9", 0),
     ("", 0), ("999999999.9999999999", 0), ("123456.123456789", 123456123456789)],
)  # fmt: skip
def test_a_number_is_exact_or_none(text: str, units: int) -> None:
    assert scaled(text.encode(), 10**9) == units


def test_what_is_right_is_found_right(tmp_path: Path) -> None:
    result = simple().audit(tmp_path)
    assert (result.bars.expected, result.bars.final, result.bad, result.examples) == (40, 40, False, ())
    assert result.final.p50 == pytest.approx(2150, rel=0.05)
    assert result.provisional.p50 == pytest.approx(50, abs=2)


def test_without_a_trace_of_the_job_nothing_is_said(tmp_path: Path) -> None:
    topics = simple()
    topics.outputs.clear()
    assert topics.audit(tmp_path).bars == BarCounts()


def test_a_job_that_writes_only_its_status_misses_everything(tmp_path: Path) -> None:
    topics = simple()
    topics.outputs[:] = [("torghut.ta.status.v1", "job", 0, "{}")]
    assert counts(topics, tmp_path)[0] == BarCounts(40, 0, 40, 0, 0)


def test_a_bar_that_is_not_there_is_missing(tmp_path: Path) -> None:
    assert counts(simple().drop(BARS, 5), tmp_path) == (BarCounts(40, 39, 1, 0, 0), BarCounts(40, 40, 0, 0, 0))


def test_a_record_that_is_there_twice_is_duplicated(tmp_path: Path) -> None:
    assert counts(simple().double(SIGNALS, 5), tmp_path) == (BarCounts(40, 40, 0, 0, 0), BarCounts(40, 40, 0, 1, 0))


def test_a_revision_of_nothing_is_wrong(tmp_path: Path) -> None:
    topics = simple().change(BARS, lambda record: record.update(revision=1), at=3)
    assert counts(topics, tmp_path)[0] == BarCounts(40, 40, 0, 0, 1)


@pytest.mark.parametrize(("name", "value"), [("timestamp_ms", 1), ("written_ms", 0)])
def test_a_final_without_its_ingest_time_as_timestamp_or_without_its_write_time_is_wrong(
    name: str, value: int, tmp_path: Path
) -> None:
    topics = simple()
    comparison = TaComparison(Terms(), Scope(0, topics.end_ns()), tmp_path)
    incoming = topics.incoming()
    setattr(next(one for one in incoming if one.position.topic == BARS), name, value)
    comparison.take(incoming)
    comparison.settle()
    assert comparison.result().bars == BarCounts(40, 40, 0, 0, 1)


def test_a_bar_without_prints_is_wrong(tmp_path: Path) -> None:
    def move(record: dict[str, Any]) -> None:
        start = (START + 500) * NS
        record.update(seq=START + 500, event_ts=start + NS, window={"size_ms": 1000, "start": start, "end": start + NS})

    assert counts(simple().double(BARS, 39).change(BARS, move, at=40), tmp_path)[0] == BarCounts(40, 40, 0, 0, 1)


@pytest.mark.parametrize(("name", "value"), [("o", 1.0), ("n", 2), ("v", 100.1), ("vwap", None), ("first_ts", 7)])
def test_a_falsified_bar_is_wrong(name: str, value: float | None, tmp_path: Path) -> None:
    topics = simple().change(BARS, lambda record: record["payload"].update({name: value}), at=7)
    assert counts(topics, tmp_path) == (BarCounts(40, 40, 0, 0, 1), BarCounts(40, 40, 0, 0, 0))


@pytest.mark.parametrize(
    "path", ["close", "ema.12", "macd.hist", "rsi14", "bollinger.upper", "vwap.5m", "vwap.session"]
)
@pytest.mark.parametrize("factor", [1 + 3e-9, None])
def test_a_falsified_indicator_is_wrong(path: str, factor: float | None, tmp_path: Path) -> None:
    def falsify(record: dict[str, Any]) -> None:
        *outer, name = path.split(".")
        where = record["payload"][outer[0]] if outer else record["payload"]
        where[name] = None if factor is None else where[name] * factor

    assert counts(simple().change(SIGNALS, falsify, at=39), tmp_path)[1] == BarCounts(40, 40, 0, 0, 1)


def test_a_quote_from_after_the_window_is_wrong(tmp_path: Path) -> None:
    def peek(record: dict[str, Any]) -> None:
        later = json.loads(quote("A", 21.05, 9 + 21 % 5))
        record["payload"]["quote"].update(bid=later["payload"]["bp"], ask=later["payload"]["ap"], age_ms=-50.0)

    result = simple().change(SIGNALS, peek, at=20).audit(tmp_path)
    assert result.signals.wrong == 1
    assert "after the window" in result.examples[0].where


def test_an_older_quote_than_the_last_is_wrong(tmp_path: Path) -> None:
    def stale(record: dict[str, Any]) -> None:
        record["payload"]["quote"].update(bid=9 + 19 % 5, ask=10 + 19 % 5, age_ms=1950.0)

    result = simple().change(SIGNALS, stale, at=20).audit(tmp_path)
    assert result.signals.wrong == 1
    assert "had arrived" in result.examples[0].where


def test_a_quote_of_long_before_the_window_competes_by_the_last_of_its_symbol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(record: dict[str, Any]) -> None:
        age_ms = record["payload"]["quote"]["age_ms"] + 1000
        record["payload"]["quote"].update(bid=13.0, ask=14.0, age_ms=age_ms)

    monkeypatch.setattr(compare, "_QUOTES_NS", 0)
    trades = [trade("A", second + 0.1, 10.0, number=second) for second in range(40)]
    topics = Topics(trades, [quote("A", second + 0.05, 9.0 + second) for second in range(6)]).written()
    start_ns = (START + 20) * NS
    result = topics.audit(tmp_path, start_ns=start_ns)
    assert (result.signals.expected, result.bad) == (20, False)
    (tmp_path / "b").mkdir()
    assert topics.change(SIGNALS, stale, at=30).audit(tmp_path / "b", start_ns=start_ns).signals.wrong == 1


def test_a_late_quote_may_be_in_or_not(tmp_path: Path) -> None:
    trades = [trade("A", 1.1, 10.0), trade("A", 9.0, 11.0, number=2)]
    quotes = [quote("A", 1.0, 5.0), quote("A", 1.95, 6.0, 2, delay_s=1.9), quote("A", 9.0, 7.0, 3)]
    topics = Topics(trades, quotes).written()

    def without(record: dict[str, Any]) -> None:
        record["payload"]["quote"].update(bid=5.0, ask=6.0, age_ms=1000.0)

    # The bar is said to be closed at 4.0 s: the quote of 1.95 s came 0.15 s before.
    topics.outputs = [
        (topic, key, (START + 4) * 1000 if f'"seq":{START + 1}' in value else at, value)
        for topic, key, at, value in topics.outputs
    ]
    assert not topics.audit(tmp_path).bad
    (tmp_path / "b").mkdir()
    assert not topics.change(SIGNALS, without, at=0).audit(tmp_path / "b").bad


def test_a_late_print_must_be_worked_in(tmp_path: Path) -> None:
    trades = [trade("A", 1.1, 10.0), trade("A", 9.0, 11.0, number=2), trade("A", 1.2, 12.0, number=3, delay_s=9)]
    topics = Topics(trades, [quote("A", 9.0, 7.0)]).written()
    assert not topics.audit(tmp_path).bad
    (tmp_path / "b").mkdir()
    assert topics.drop(BARS, 1).audit(tmp_path / "b").bars == BarCounts(2, 2, 0, 0, 1)


def test_what_came_after_the_windows_end_is_not_judged(tmp_path: Path) -> None:
    trades = [trade("A", 1.1, 10.0), trade("A", 9.0, 11.0, number=2), trade("A", 1.2, 12.0, number=3, delay_s=9)]
    topics = Topics(trades, [quote("A", 9.0, 7.0)]).written().drop(BARS, 1)
    assert topics.audit(tmp_path, end_ns=(START + 10) * NS).bars == BarCounts(0, 0, 0, 0, 0)


def test_seconds_in_progress_are_not_missing(tmp_path: Path) -> None:
    topics = simple()
    result = topics.drop(BARS, 39).drop(SIGNALS, 39).audit(tmp_path, end_ns=(START + 40) * NS)
    assert (result.bars.expected, result.bad) == (39, False)


def test_a_bar_that_lost_all_prints_has_a_revision_without(tmp_path: Path) -> None:
    trades = [trade("A", 1.1, 10.0), trade("A", 9.0, 11.0, number=2), cancel("A", 9.1, 1)]
    topics = Topics(trades, [quote("A", 9.0, 7.0)]).written()
    assert topics.audit(tmp_path).bars == BarCounts(2, 2, 0, 0, 0)
    (tmp_path / "b").mkdir()
    assert topics.drop(BARS, 1).audit(tmp_path / "b").bars == BarCounts(2, 2, 0, 0, 1)


def dead_lettered(seconds_back: float) -> Topics:
    """A print of `seconds_back` before the newest that the job dead-lettered for lateness, rightly or not."""
    late = trade("A", 100 - seconds_back, 12.0, number=3, delay_s=seconds_back + 1)
    trades = [trade("A", 1.1, 10.0), trade("A", 100.0, 11.0, number=2)]
    quotes = [quote("A", second, 7.0, number=int(second)) for second in range(0, 100, 10)]
    other = Topics([*trades, trade("A", 20.0, 12.0, number=3, delay_s=81)], quotes).written()
    topics = Topics(trades, quotes).written()
    letter = next(output for output in other.outputs if output[0] == DLQ)
    body = json.loads(letter[3]) | {"raw": b64encode(late.encode()).decode()}
    topics.outputs.append((DLQ, "ta", letter[2], json.dumps(body)))
    topics.trades.append(late)
    return topics


def test_a_print_that_was_too_late_is_not_expected(tmp_path: Path) -> None:
    assert not dead_lettered(80).audit(tmp_path).bad


def test_a_print_that_was_not_too_late_is_expected_whatever_the_dead_letter_says(tmp_path: Path) -> None:
    assert dead_lettered(30).audit(tmp_path).bars.missing == 1


@settings(max_examples=20, deadline=None)
@given(
    missing=st.sets(st.integers(0, 39), max_size=4),
    doubled=st.sets(st.integers(0, 39), max_size=4),
    wrong=st.sets(st.integers(0, 39), max_size=4),
)
def test_falsifications_are_counted_each_by_its_kind(
    tmp_path_factory: pytest.TempPathFactory, missing: set[int], doubled: set[int], wrong: set[int]
) -> None:
    topics = simple()
    doubled, wrong = doubled - missing, wrong - missing - doubled
    for at in wrong:
        topics.change(BARS, lambda record: record["payload"].update(h=1e6), at=at)
    for at in sorted(missing | doubled, reverse=True):
        (topics.drop if at in missing else topics.double)(BARS, at)
    bars = topics.audit(tmp_path_factory.mktemp("audit")).bars
    assert bars == BarCounts(40, 40 - len(missing), len(missing), len(doubled), len(wrong))
