from __future__ import annotations

from pathlib import Path

import msgspec

from torghut.sim.events import Event
from torghut.sim.ledger import Ledger, recall
from torghut.wire.times import format_rfc3339

EVENT = Event("sip", "t", "A", 1, b'{"T":"t","S":"A","p":1.500}')


def lines(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.glob("*.ndjson")) for line in path.read_bytes().splitlines()]


def test_an_event_is_one_line_with_the_message_as_sent(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 1)
    ledger.events(7, [EVENT])
    ledger.flush(7)
    written = lines(tmp_path)
    ledger.close(7)
    assert written == [b'{"k":"event","ns":7,"feed":"sip","msg":{"T":"t","S":"A","p":1.500}}']


def test_identical_events_have_a_line_each(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 1)
    ledger.events(7, [EVENT, EVENT])
    ledger.close(7)
    assert len(lines(tmp_path)) == 2


def test_a_note_has_its_kind_and_time_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 1)
    ledger.note("fault", 9, name="drop", args={}, on=True)
    ledger.close(9)
    assert [msgspec.json.decode(line) for line in lines(tmp_path)] == [
        {"k": "fault", "ns": 9, "name": "drop", "args": {}, "on": True}
    ]


def test_a_full_segment_is_followed_by_another_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 1, segment_bytes=100)
    for ns in range(2, 8):
        ledger.events(ns, [EVENT])
        ledger.flush(ns)
    ledger.close(8)
    assert len(list(tmp_path.glob("*.ndjson"))) > 1
    assert [msgspec.json.decode(line)["ns"] for line in lines(tmp_path)] == list(range(2, 8))


def test_a_restart_appends_a_segment(tmp_path: Path) -> None:
    for start in (1, 2):
        ledger = Ledger(tmp_path, start)
        ledger.note("start", start)
        ledger.close(start)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["1.ndjson", "2.ndjson"]


def event(t: int, feed: str = "sip", kind: str = "t") -> Event:
    return Event(
        feed, kind, "A", t, b'{"T":"%b","S":"A","p":1.500,"t":"%b"}' % (kind.encode(), format_rfc3339(t).encode())
    )


def written(folder: Path, *events: Event, segment_bytes: int = 1 << 20) -> tuple[Event, ...]:
    """The events as a ledger on disk, one moment each, with a note after each."""
    ledger = Ledger(folder, events[0].t, segment_bytes)
    for happened in events:
        ledger.events(happened.t, [happened])
        ledger.note("ack", happened.t, msg={"k": "event"})
        ledger.flush(happened.t)
    ledger.close(events[-1].t)
    return events


def test_what_happened_is_recalled_as_it_was_and_in_order(tmp_path: Path) -> None:
    happened = written(tmp_path, event(1), event(10**18, "test", "q"), event(10**18 + 1, "iex", "x"), segment_bytes=1)
    assert len(list(tmp_path.glob("*.ndjson"))) > 2
    assert tuple(recall(tmp_path, 0, 1000)) == happened


def test_a_line_that_a_kill_cut_off_is_not_recalled(tmp_path: Path) -> None:
    happened = written(tmp_path, event(1), event(2))
    (segment,) = tmp_path.glob("*.ndjson")
    with segment.open("ab") as file:
        file.write(b'{"k":"event","ns":3,"feed":"sip","msg":{"T":"t","S":"A"')
    assert tuple(recall(tmp_path, 0, 1000)) == happened


def test_older_segments_are_left_where_they_are(tmp_path: Path) -> None:
    happened = written(tmp_path, *(event(ns) for ns in range(1, 9)), segment_bytes=1)
    assert tuple(recall(tmp_path, 6, 1000)) == happened[5:]
    assert tuple(recall(tmp_path, 0, 2 * 3)) == happened[-3:]


def test_a_folder_without_a_ledger_tells_of_nothing(tmp_path: Path) -> None:
    assert list(recall(tmp_path / "none", 0, 1000)) == []
