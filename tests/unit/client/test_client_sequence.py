from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from torghut.client import Gap, payload_of
from torghut.client.sequence import Backlog, GapCheck, LatestRevisions
from torghut.wire.envelope import Envelope, Trade, Window
from torghut.wire.topics import Channel

S = 1_000_000_000


def record(seq: int, session: str = "one", channel: Channel = Channel.TRADES, **changes: Any) -> Envelope:
    fields: dict[str, Any] = {
        "version": 1,
        "event_ts": 1,
        "ingest_ts": 2,
        "feed": "sip",
        "channel": channel,
        "symbol": "AAPL",
        "seq": seq,
        "session": session,
        "source": "ws",
        "payload": msgspec.Raw(b'{"i":1,"p":2,"s":3,"t":"2026-11-23T14:30:00Z","new":0}'),
    }
    return Envelope(**(fields | changes))


def bar(second: int, revision: int) -> Envelope:
    window = Window(1000, second * S, (second + 1) * S)
    return record(second, channel=Channel.TA_BARS, window=window, revision=revision)


def gaps(*records: Envelope) -> list[Gap]:
    check = GapCheck()
    return [gap for gap in map(check.before, records) if gap is not None]


def test_a_jump_inside_a_session_is_a_gap_of_so_many_records() -> None:
    (gap,) = gaps(record(5), record(6), record(9))
    assert (gap.after, gap.seq, gap.missing) == (6, 9, 2)


def test_a_jump_to_a_new_session_is_none() -> None:
    assert not gaps(record(5), record(700, "two"), record(701, "two"))


def test_the_first_record_seen_is_no_gap() -> None:
    assert not gaps(record(5))


def test_symbols_and_channels_are_counted_apart() -> None:
    assert not gaps(record(5), record(9, symbol="MSFT"), record(1, channel=Channel.CANCEL_ERRORS), record(6))


def test_quiet_seconds_of_ta_are_no_gap() -> None:
    assert not gaps(bar(1, 0), bar(60, 0))


def test_an_older_revision_does_not_pass_after_a_newer_one() -> None:
    latest = LatestRevisions()
    assert [latest.passes(item) for item in (bar(1, 0), bar(1, 2), bar(1, 1), bar(1, 2), bar(2, 0))] == [
        True,
        True,
        False,
        False,
        True,
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_of_a_backlog_each_window_is_given_once_in_its_newest_revision(made: list[tuple[int, int]]) -> None:
    backlog = Backlog()
    for second, revision in made:
        backlog.add(bar(second, revision))
    given_back = [(item.seq, item.revision) for item in backlog.drain()]
    newest = {second: max(r for s, r in made if s == second) for second, _ in made}
    assert given_back == list(newest.items())


def test_a_backlog_keeps_every_record_that_has_no_revisions() -> None:
    backlog = Backlog()
    for _ in range(3):
        backlog.add(record(1))
    assert len(list(backlog.drain())) == 3


def test_a_payload_is_of_its_channels_type_and_unknown_keys_do_not_matter() -> None:
    assert payload_of(record(1)) == Trade(i=1, p=2, s=3, t="2026-11-23T14:30:00Z")
