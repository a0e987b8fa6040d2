from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import msgspec
import pytest

from torghut.sim import ReplayError
from torghut.sim.events import Event, parse_event
from torghut.sim.feeds import Pace, Playback
from torghut.sim.replay import Recorded, Renumbering, Timeline, read_recording, retimed

RECORDING = [
    (1_000_000_000, b'{"T":"t","S":"A","i":5,"x":"V","p":1.50,"s":1,"t":"2024-01-02T12:00:00.000000001Z"}'),
    (1_000_000_200, b'{"T":"q","S":"B/USD","bp":1.0,"bs":1,"ap":2,"as":1,"t":"2024-01-02T12:00:00Z"}'),
    (1_000_000_300, b'{"T":"x","S":"A","i":5,"x":"V","p":1.50,"s":1,"a":"C","t":"2024-01-02T12:00:01Z"}'),
    (1_000_000_400, b'{"T":"l","S":"A","u":2,"d":1,"i":"B","t":"2024-01-02T12:00:02Z"}'),
]


def lines() -> list[bytes]:
    return [b'{"recv_ns":%d,"msg":%b}' % line for line in RECORDING]


def recorded() -> Iterator[Recorded]:
    return (Recorded(recv, parse_event(raw, "sip")) for recv, raw in RECORDING)


def played(
    *, speed: float | None = None, keep_times: bool = False, passes: int = 1, first_id: int = 900
) -> list[list[Event]]:
    """Play at a clock that advances by itself; one list for each pass."""
    clock = count(5_000_000_000_000, 1_000)
    out: list[Event] = []

    def happen(events: Sequence[Event]) -> None:
        out.extend(events)

    async def writable() -> None:
        if len(out) >= passes * len(RECORDING):
            raise asyncio.CancelledError

    async def play() -> None:
        playback = Playback(recorded, lambda: next(clock), Pace(lambda: 0), happen, count(first_id))
        await playback.play(speed=speed, keep_times=keep_times, loop=passes > 1, writable=writable)

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(play())
    return [out[n : n + len(RECORDING)] for n in range(0, len(out), len(RECORDING))]


@pytest.mark.parametrize("packed", [False, True])
def test_a_recording_is_read_plain_or_packed(tmp_path: Path, packed: bool) -> None:  # noqa: FBT001 - a parameter
    content = b"\n".join(lines()) + b"\n"
    path = tmp_path / ("r.ndjson.gz" if packed else "r.ndjson")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert [line.event.raw for line in read_recording(path, "iex")] == [raw for _, raw in RECORDING]


def test_pairs_are_crypto_and_the_rest_is_the_stock_feed() -> None:
    assert [line.event.feed for line in recorded()] == ["sip", "crypto", "sip", "sip"]


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson"
    path.write_bytes(lines()[0] + b'\n{"recv_ns":1}\n')
    with pytest.raises(ReplayError, match="line 2"):
        list(read_recording(path, "sip"))


def test_a_half_packed_file_is_an_error_not_an_end(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines() * 50))[:-20])
    with pytest.raises(ReplayError, match="cannot read"):
        list(read_recording(path, "sip"))


def test_kept_times_leave_the_first_pass_byte_for_byte() -> None:
    (only,) = played(keep_times=True)
    assert [event.raw for event in only] == [raw for _, raw in RECORDING]


def test_later_passes_with_kept_times_have_new_ids_only() -> None:
    _, second = played(keep_times=True, passes=2)
    assert second[0].raw == RECORDING[0][1].replace(b'"i":5', b'"i":900')


def test_each_pass_has_its_own_ids_and_cancels_follow() -> None:
    first, second = played(passes=2)
    ids = [msgspec.json.decode(event.raw)["i"] for event in (*first, *second) if event.kind in "tx"]
    assert ids == [900, 900, 901, 901]


def test_the_letter_of_a_price_band_is_no_id() -> None:
    (only,) = played()
    assert msgspec.json.decode(only[3].raw)["i"] == "B"


def test_numbers_pass_through_textually() -> None:
    (only,) = played()
    assert b'"p":1.50,' in only[0].raw


def test_at_full_speed_times_are_now_and_in_order() -> None:
    (only,) = played()
    times = [event.t for event in only]
    assert times == sorted(set(times))
    assert 5_000_000_000_000 - 1_000 < times[0] < 5_000_000_100_000


def test_in_time_all_event_times_move_by_one_amount() -> None:
    (only,) = played(speed=1.0)
    moved = {event.t - line.event.t for event, line in zip(only, recorded(), strict=True)}
    assert len(moved) == 1


def test_the_first_message_is_at_the_start_and_the_rest_at_its_distance() -> None:
    timeline = Timeline(1_000, 1_795_431_167_000_000_000, 1.0)
    assert [timeline.moved(ns) - 1_795_431_167_000_000_000 for ns in (1_000, 1_001, 998)] == [0, 1, -2]


def test_twice_as_fast_is_half_the_distance() -> None:
    timeline = Timeline(1_000, 50_000, 2.0)
    assert [timeline.moved(ns) for ns in (1_000, 2_000, 0)] == [50_000, 50_500, 49_500]


def test_a_moved_time_keeps_its_nanoseconds() -> None:
    event = next(recorded()).event
    moved = retimed(event, 1_704_196_800_123_456_789, event.raw)
    assert moved.raw.endswith(b'"t":"2024-01-02T12:00:00.123456789Z"}')


def test_renumbering_is_by_symbol() -> None:
    ids = Renumbering(count(7))
    a, b = (parse_event(RECORDING[0][1].replace(b'"A"', name), "sip") for name in (b'"A"', b'"B"'))
    assert (b'"i":7' in ids.apply(a), b'"i":8' in ids.apply(b), b'"i":7' in ids.apply(a)) == (True, True, True)
