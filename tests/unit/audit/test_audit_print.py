"""The report as a person sees it: whatever the terminal, no number is cut."""

from __future__ import annotations

import pytest
from tests.unit.audit.world import T0, World, trade

from torghut.audit.report import ChannelCounts, Period, Report
from torghut.cli.audit_report import print_report

MILLIONS = ChannelCounts(sent=12_345_678, received=12_345_677, repaired=1_234_567, lost=1)
ESSENTIAL = ("sent", "received", "repaired", "lost", "duplicated", "gap")


def printed(
    report: Report, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    print_report(report)
    return capsys.readouterr().out.splitlines()


def of(**counts: ChannelCounts) -> Report:
    return Report(verdict="bad", window=Period(0, 1), channels=counts)


@pytest.mark.parametrize("columns", [200, 80, 60, 30])
def test_essential_numbers_are_whole_in_any_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(of(cancel_errors=MILLIONS), columns, monkeypatch, capsys)
    assert lines[0].split() == list(ESSENTIAL)
    assert lines[1].split() == ["cancel_errors", "12,345,678", "12,345,677", "1,234,567", "1", "0", "0"]
    assert "…" not in "".join(lines)


def test_the_table_fits_into_80_columns_with_millions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(of(cancel_errors=MILLIONS), 80, monkeypatch, capsys)
    assert max(map(len, lines)) <= 80


def test_the_other_counts_are_columns_where_there_is_room_and_they_are_not_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = of(trades=ChannelCounts(sent=3, wrong=2), quotes=ChannelCounts(sent=1, seq_gaps=1_000))
    lines = printed(report, 100, monkeypatch, capsys)
    assert lines[0].split() == [*ESSENTIAL, "wrong", "seq_gaps"]
    assert lines[2].split() == ["quotes", "1", "0", "0", "0", "0", "0", "0", "1,000"]


def test_the_other_counts_are_lines_below_where_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = of(trades=ChannelCounts(sent=3, wrong=2, dlq=1), quotes=ChannelCounts(sent=1, seq_gaps=1_000))
    lines = printed(report, 60, monkeypatch, capsys)
    assert lines[0].split() == list(ESSENTIAL)
    assert lines[3:5] == ["trades: 2 wrong, 1 dlq", "quotes: 1,000 seq_gaps"]


def test_the_verdict_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.both(trade(1, T0))
    lines = printed(world.report(), 200, monkeypatch, capsys)
    assert lines[-1].startswith("ok: all 1 events are in Kafka exactly once, unchanged; 1 records read")
