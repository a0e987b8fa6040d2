from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from tests.unit.console.records import T0, bar

from torghut.console.board import Board
from torghut.console.errors import BadRequestError
from torghut.console.events import EventLog
from torghut.console.watcher import Seen, State, Update, Watch, Watcher, parse_request
from torghut.wire.status import CheckpointState, TaStatus

STATE = State(at="", live=True, feed="sim", hours=None, strip=[], lags=[], symbols=0, journal="")


@dataclass
class Desk:
    """A board, and a watcher who looks at it."""

    board: Board = field(default_factory=lambda: Board("epoch"))
    events: EventLog = field(default_factory=EventLog)
    number: int = 1

    def watcher(self) -> Watcher:
        return Watcher(self.board, self.events, lambda: (self.number, STATE))


def told(watcher: Watcher) -> Update:
    update = watcher.next()
    assert update is not None
    return update


def test_the_first_update_tells_all_and_forgets_what_was_there() -> None:
    desk = Desk()
    desk.board.take(bar(T0, 1.0))
    watcher = desk.watcher()
    watcher.watch(Watch("aapl"))
    update = told(watcher)
    assert (update.symbol, update.reset, len(update.rows), update.state) == ("AAPL", True, 1, STATE)


def test_nothing_new_is_no_update() -> None:
    watcher = Desk().watcher()
    told(watcher)
    assert watcher.next() is None


def test_a_slow_browser_gets_one_update_for_many_changes() -> None:
    desk = Desk()
    watcher = desk.watcher()
    watcher.watch(Watch("AAPL"))
    told(watcher)
    for close in range(1, 50):
        desk.board.take(bar(T0, float(close), revision=None))
    assert len(told(watcher).rows) == 1


def test_who_comes_back_gets_only_what_was_missed() -> None:
    desk = Desk()
    desk.board.take(bar(T0, 1.0))
    cursor = desk.board.cursor
    desk.board.take(bar(T0 + 1, 2.0))
    watcher = desk.watcher()
    watcher.watch(Watch("AAPL", "epoch", cursor))
    update = told(watcher)
    assert (update.reset, len(update.rows)) == (False, 1)


@pytest.mark.parametrize("wish", [Watch("AAPL", "another", 1), Watch("AAPL", "epoch", 99), Watch("AAPL", "epoch", -1)])
def test_who_comes_back_to_another_console_starts_over(wish: Watch) -> None:
    desk = Desk()
    desk.board.take(bar(T0, 1.0))
    watcher = desk.watcher()
    watcher.watch(wish)
    update = told(watcher)
    assert (update.reset, len(update.rows)) == (True, 1)


def test_a_symbol_without_data_is_answered_with_an_empty_hour() -> None:
    watcher = Desk().watcher()
    watcher.watch(Watch("NONE"))
    update = told(watcher)
    assert (update.symbol, update.reset, update.rows) == ("NONE", True, [])


def test_a_bad_symbol_is_refused_with_the_reason_and_the_view_stays() -> None:
    watcher = Desk().watcher()
    watcher.watch(Watch("AAPL"))
    watcher.watch(Watch("<script>"))
    update = told(watcher)
    assert update.symbol == "AAPL"
    assert update.error is not None
    assert "is not a symbol" in update.error


def test_an_event_is_told_once() -> None:
    desk = Desk()
    checkpoint = CheckpointState(id=None, age_ms=None, duration_ms=None, failed=0)
    status = TaStatus(
        job="j", version="1", status="RUNNING", watermark_lag_ms=None, last_event_ts=None, records_in=0, records_out=0,
        late_records=0, idle_partitions=[], checkpoint=checkpoint, ts=1,
    )  # fmt: skip
    desk.events.ta(None, status)
    watcher = desk.watcher()
    assert len(told(watcher).events) == 1
    assert watcher.next() is None


def test_rows_are_told_as_they_are_kept() -> None:
    desk = Desk()
    desk.board.take(bar(T0, 1.5))
    watcher = desk.watcher()
    watcher.watch(Watch("AAPL"))
    decoded = msgspec.json.decode(msgspec.json.encode(told(watcher)))
    assert decoded["rows"][0]["c"] == 1.5


def test_requests_are_a_watch_or_a_seen() -> None:
    assert parse_request('{"type":"watch","symbol":"AAPL"}') == Watch("AAPL")
    assert parse_request('{"type":"seen"}') == Seen()


@pytest.mark.parametrize("text", ["", "[]", '{"type":"order"}', '{"type":"watch"}', '{"type":"watch","symbol":1}'])
def test_any_other_request_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        parse_request(text)
