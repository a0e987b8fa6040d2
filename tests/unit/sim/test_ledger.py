from __future__ import annotations

from pathlib import Path

import msgspec

from torghut.sim.events import Event
from torghut.sim.ledger import Ledger

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
