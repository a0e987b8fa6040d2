"""Reading a ledger that somebody else is writing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.audit.world import T0, S, World, bar, trade

from torghut.audit.errors import LedgerError
from torghut.audit.ledger import LedgerTruth


def segment(folder: Path, name: int, *messages: dict[str, object]) -> Path:
    world = World()
    for message in messages:
        world.happen(message)
    path = folder / f"{name}.ndjson"
    path.write_bytes(b"".join(world.ledger))
    return path


def test_a_half_written_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = segment(tmp_path, T0, trade(1, T0), trade(2, T0))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    truth = LedgerTruth(tmp_path)
    assert len(list(truth.read())) == 1
    path.write_bytes(whole)
    assert len(list(truth.read())) == 1
    assert not list(truth.read())


def test_segments_are_read_in_the_order_of_their_start(tmp_path: Path) -> None:
    segment(tmp_path, 1000, trade(2, T0))
    segment(tmp_path, 999, trade(1, T0))
    assert [b'"i":1' in event.payload for event in LedgerTruth(tmp_path).read()] == [True, False]


def test_a_segment_that_ends_in_the_middle_of_a_line_does_not_hide_the_next(tmp_path: Path) -> None:
    path = segment(tmp_path, T0, trade(1, T0))
    path.write_bytes(path.read_bytes() + b'{"k":"ev')
    segment(tmp_path, T0 + S, trade(2, T0))
    assert len(list(LedgerTruth(tmp_path).read())) == 2


def test_lines_of_unknown_kinds_and_daily_bars_are_passed_over(tmp_path: Path) -> None:
    path = segment(tmp_path, T0, bar(T0, kind="d"), trade(1, T0))
    path.write_bytes(b'{"k":"weather","ns":1}\n' + path.read_bytes())
    assert len(list(LedgerTruth(tmp_path).read())) == 1


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"k":"event","ns":"x"}\n', b'{"ns":1}\n'])
def test_a_broken_line_is_an_error_that_shows_it(tmp_path: Path, line: bytes) -> None:
    path = segment(tmp_path, T0)
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(LedgerError, match=r"wanted a line of the ledger, saw"):
        list(LedgerTruth(tmp_path).read())


def test_a_folder_without_a_ledger_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="torghut up"):
        list(LedgerTruth(tmp_path).read())


def test_of_segments_long_over_only_what_became_of_connections_is_read(tmp_path: Path) -> None:
    first = segment(tmp_path, T0, trade(1, T0))
    for number in (2, 3):
        at = T0 + number * 100 * S
        (tmp_path / f"{at}.ndjson").write_bytes(b"".join(told(trade(number, at))))
    late = LedgerTruth(tmp_path, T0 + 250 * S)
    assert [event.happened_ns for event in late.read()] == [T0 + 200 * S, T0 + 300 * S], (
        "the span may begin in the second"
    )
    assert not late.is_whole
    assert late.coverage.covers("sip", "trades", "AAPL", T0 + 250 * S), f"what {first} knows of subscriptions"
    early = LedgerTruth(tmp_path, T0 + 150 * S)
    assert len(list(early.read())) == 3
    assert early.is_whole


def told(*messages: dict[str, object]) -> list[bytes]:
    """A ledger's lines of what happened, and nothing about connections."""
    world = World(subscribed=False)
    for message in messages:
        world.happen(message)
    return [line for line in world.ledger if line.startswith(b'{"k":"event"')]
