"""Every number of the report: it counts what it should, and is 0 otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.audit.world import (
    MS,
    T0,
    Message,
    S,
    World,
    bar,
    cancel,
    correction,
    luld,
    quote,
    status,
    trade,
)

ONE_OF_EACH = [
    trade(1, T0),
    correction(1, T0 + S),
    cancel(1, T0 + S),
    quote(T0),
    bar(T0),
    bar(T0, kind="u"),
    status(T0),
    luld(T0),
]


def test_a_world_without_faults_is_ok_in_every_channel() -> None:
    world = World()
    for message in ONE_OF_EACH:
        world.both(message)
    report = world.report()
    assert report.verdict == "ok"
    assert all(counts.sent == counts.received == 1 for counts in report.channels.values())
    assert not report.examples


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: str(message["T"]))
def test_an_event_without_a_record_is_lost(message: Message) -> None:
    world = World()
    world.happen(message)
    report = world.report()
    assert report.verdict == "bad"
    assert sum(counts.lost for counts in report.channels.values()) == 1
    assert [example.what for example in report.examples] == ["lost"]


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: str(message["T"]))
def test_a_second_record_of_an_event_is_a_duplicate(message: Message) -> None:
    world = World()
    world.both(message)
    world.record(message)
    report = world.report()
    assert report.verdict == "bad"
    assert sum(counts.duplicated for counts in report.channels.values()) == 1
    assert sum(counts.received for counts in report.channels.values()) == 1


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: str(message["T"]))
def test_a_record_of_nothing_is_unexpected(message: Message) -> None:
    world = World()
    world.record(message)
    report = world.report()
    assert report.verdict == "bad"
    assert sum(counts.unexpected for counts in report.channels.values()) == 1


def test_identical_quotes_are_counted_by_number() -> None:
    world = World()
    for _ in range(3):
        world.happen(quote(T0))
    for _ in range(2):
        world.record(quote(T0))
    counts = world.counts("quotes")
    assert (counts.sent, counts.received, counts.lost, counts.duplicated) == (3, 2, 1, 0)


def test_one_quote_too_many_is_a_duplicate() -> None:
    world = World()
    for _ in range(2):
        world.both(quote(T0))
    world.record(quote(T0))
    assert world.counts("quotes").duplicated == 1


def test_a_trade_told_twice_by_the_truth_is_one_event() -> None:
    world = World()
    world.both(trade(1, T0))
    world.happen(trade(1, T0))
    counts = world.counts()
    assert (counts.sent, counts.received) == (1, 1)


def test_trades_of_two_facilities_with_one_id_are_two_events() -> None:
    world = World()
    world.both(trade(1, T0, x="D"))
    world.both(trade(1, T0, x="D", p=7))
    counts = world.counts()
    assert (counts.sent, counts.received) == (2, 2)


def test_a_repaired_trade_is_counted_as_such_and_may_carry_historys_mark() -> None:
    world = World()
    world.record(world.happen(trade(1, T0)) | {"u": "canceled"}, source="rest")
    report = world.report()
    assert report.verdict == "ok"
    assert report.channels["trades"].repaired == 1


def test_a_live_trade_with_historys_mark_is_wrong() -> None:
    world = World()
    world.record(world.happen(trade(1, T0)) | {"u": "canceled"})
    assert world.counts().wrong == 1


def test_numbers_are_compared_by_value_and_times_by_moment() -> None:
    world = World()
    world.happen(trade(1, T0))
    payload = b'{"t":"2025-11-23T12:13:20.000000000Z","s":1e2,"p":100.2500,"i":1,"x":"V","c":["@"],"z":"C"}'
    world.record(trade(1, T0), payload=payload)
    assert world.report().verdict == "ok"


@pytest.mark.parametrize(
    ("truth", "record"),
    [
        (trade(1, T0), trade(1, T0, p=100.26)),
        (trade(1, T0), trade(1, T0, c=["I"])),
        (trade(1, T0), {key: value for key, value in trade(1, T0).items() if key != "c"}),
        (trade(1, T0, new="key"), trade(1, T0)),
        (quote(T0), quote(T0, bp=99)),
        (bar(T0), bar(T0, v=11)),
        (bar(T0, kind="u"), bar(T0, kind="u", v=11)),
        (cancel(1, T0), cancel(1, T0) | {"a": "E"}),
        (status(T0), status(T0, code="T")),
    ],
)
def test_a_changed_value_is_wrong_and_neither_lost_nor_unexpected(truth: Message, record: Message) -> None:
    world = World()
    world.happen(truth)
    world.record(record)
    report = world.report()
    (counts,) = [counts for counts in report.channels.values() if counts.sent]
    assert report.verdict == "bad"
    assert (counts.wrong, counts.received, counts.lost, counts.unexpected) == (1, 1, 0, 0)


def test_a_repaired_cancel_is_known_by_its_id_alone() -> None:
    world = World()
    world.happen(cancel(1, T0))
    world.record({"T": "x", "S": "AAPL", "i": 1, "x": "V", "z": "C", "t": "2025-11-23T12:00:00Z"}, source="rest")
    report = world.report()
    assert report.verdict == "ok"
    assert report.channels["cancel_errors"].repaired == 1


@pytest.mark.parametrize(
    "changes",
    [{"event_ts": T0 + 1}, {"version": 2}, {"source": "ta"}, {"channel": "quotes"}],
    ids=lambda changes: str(*changes),
)
def test_an_envelope_that_contradicts_its_payload_or_place_is_wrong(changes: dict[str, Any]) -> None:
    world = World()
    world.record(world.happen(trade(1, T0)), **changes)
    report = world.report()
    assert report.verdict == "bad"
    assert sum(counts.wrong for counts in report.channels.values()) == 1


def test_a_record_timestamp_that_is_not_the_ingest_time_is_wrong() -> None:
    world = World()
    world.both(trade(1, T0))
    world.incoming[0].timestamp_ms += 10
    assert world.counts().wrong == 1


def test_a_key_that_is_not_the_symbol_is_wrong() -> None:
    world = World()
    world.both(trade(1, T0))
    world.incoming[0].key = b"MSFT"
    assert world.counts().wrong == 1


def test_a_symbol_in_two_partitions_is_wrong() -> None:
    world = World()
    world.both(trade(1, T0))
    world.both(trade(2, T0))
    world.incoming[1].position = world.incoming[1].position._replace(partition=7)
    assert world.counts().wrong == 1


def test_a_record_that_is_no_envelope_is_bad() -> None:
    world = World()
    world.write("torghut.trades.v1", "AAPL", b"{}", T0)
    report = world.report()
    assert (report.undecodable, report.verdict) == (1, "bad")


def test_a_seq_that_does_not_rise_is_reordered() -> None:
    world = World()
    for number, seq in enumerate((5, 6, 6, 4, 7)):
        world.record(world.happen(trade(number, T0)), seq=seq)
    report = world.report()
    assert (report.channels["trades"].reordered, report.verdict) == (2, "bad")


def test_a_seq_that_jumps_inside_a_session_is_a_sequence_gap() -> None:
    world = World()
    for number, seq in enumerate((5, 7)):
        world.record(world.happen(trade(number, T0)), seq=seq)
    report = world.report()
    assert (report.channels["trades"].seq_gaps, report.channels["trades"].reordered) == (1, 0)
    assert report.verdict == "bad"


def test_a_seq_that_jumps_to_the_next_session_is_in_order() -> None:
    world = World()
    for number, (seq, session) in enumerate(((5, "one"), (700, "two"))):
        world.record(world.happen(trade(number, T0 + number)), seq=seq, session=session)
    assert world.report().verdict == "ok"


def test_every_channel_and_symbol_has_its_own_seq() -> None:
    world = World()
    world.record(world.happen(trade(1, T0)), seq=9)
    world.record(world.happen(trade(1, T0, "MSFT")), seq=5)
    world.record(world.happen(cancel(1, T0)), seq=3)
    assert world.report().verdict == "ok"


def test_records_of_an_older_session_after_a_newer_one_began_break_the_fence() -> None:
    world = World()
    for number, session in enumerate(("one", "two", "one", "one", "two")):
        world.record(world.happen(trade(number, T0 + number * S)), session=session)
    report = world.report()
    assert (report.fencing, report.verdict) == (2, "bad")


def test_an_older_session_is_known_as_such_by_what_it_wrote_to_other_partitions() -> None:
    world = World()
    world.record(world.happen(trade(1, T0, "MSFT")), session="one", seq=5_000)
    world.record(world.happen(trade(2, T0 + S)), session="two", seq=9_000)
    world.record(world.happen(trade(3, T0 + 2 * S)), session="one", seq=9_001)
    assert world.report().fencing == 1


def test_a_session_that_writes_again_what_the_one_before_could_not_is_not_the_older_one() -> None:
    """Kafka refuses a topic's records: what was received earlier than all that went through comes with the next one."""
    world = World()
    refused = world.happen(trade(1, T0, "MSFT"))
    world.record(world.happen(trade(2, T0 + S)), session="one", seq=5_000)
    world.record(refused, session="two", seq=9_000)
    world.record(world.happen(trade(3, T0 + 2 * S)), session="two", seq=9_000)
    assert world.report().verdict == "ok"


def test_dead_letters_and_injected_frames_are_reported_apart() -> None:
    world = World()
    world.note("inject", T0, what="malformed", count=3)
    world.dead_letter()
    world.dead_letter("torghut.quotes.v1")
    report = world.report()
    assert (report.injected, report.dlq, report.channels["quotes"].dlq) == ({"malformed": 3}, 2, 1)
    assert report.verdict == "ok"


def test_a_stall_is_the_time_in_which_events_happened_and_nothing_was_recorded() -> None:
    world = World()
    for second in (0, 1, 2, 10):
        world.happen(trade(second, T0 + second * S))
    world.record(trade(0, T0))
    world.record(trade(10, T0 + 10 * S))
    for second in (1, 2):
        world.record(trade(second, T0 + second * S), delay_ns=(11 - second) * S, source="rest")
    report = world.report()
    assert report.verdict == "ok"
    assert report.max_gap_ms == pytest.approx(9000, abs=20)


def test_a_quiet_market_is_no_stall() -> None:
    world = World()
    world.both(trade(1, T0))
    world.both(trade(2, T0 + 1000 * S))
    assert world.report().max_gap_ms <= 10


def test_a_delivery_that_never_resumes_is_a_stall_up_to_the_end() -> None:
    world = World()
    world.both(trade(1, T0))
    world.happen(trade(2, T0 + S))
    assert world.report(end_ns=T0 + 61 * S).max_gap_ms == pytest.approx(60_000, abs=20)


def test_latency_is_from_the_event_to_its_ingest() -> None:
    world = World()
    for number in range(100):
        world.record(world.happen(trade(number, T0 + number * MS)), delay_ns=(50 if number == 99 else 4) * MS)
    ingest = world.report().latency_ms.ingest
    assert ingest.p50 == pytest.approx(4, rel=0.02)
    assert ingest.p99 == pytest.approx(4, rel=0.02)


def test_the_report_encodes_to_the_contracts_document() -> None:
    world = World()
    world.both(trade(1, T0))
    document = msgspec.json.decode(msgspec.json.encode(world.report()))
    assert document["verdict"] == "ok"
    assert set(document["window"]) == {"start_ns", "end_ns"}
    contract = {"sent", "received", "repaired", "dlq", "lost", "duplicated", "reordered", "gap"}
    assert contract <= set(document["channels"]["trades"])
    unknown = dict.fromkeys(("expected", "final", "missing", "duplicated", "wrong"))
    assert document["bars"] == document["signals"] == unknown
    assert document["latency_ms"]["provisional"] == document["latency_ms"]["final"] == {"p50": None, "p99": None}
    assert isinstance(document["max_gap_ms"], float)


def otherwise(message: Message) -> bytes:
    """The payload with the same values in other bytes, as history may write it."""
    return msgspec.json.encode(dict(sorted((k, v) for k, v in message.items() if k not in {"T", "S"}))).replace(
        b":100,", b":1e2,"
    )


def test_trades_with_one_id_are_told_apart_by_price_when_their_bytes_differ_too() -> None:
    world = World()
    trades = [world.happen(trade(1, T0, x="D", p=price)) for price in (5, 6)]
    for message in reversed(trades):
        world.record(message, source="rest", payload=otherwise(message))
    report = world.report()
    assert report.verdict == "ok"
    assert report.channels["trades"].received == 2


def test_identical_quotes_in_various_bytes_are_still_counted_by_number() -> None:
    world = World()
    world.happen(quote(T0, bp=100))
    world.happen(quote(T0, bp=100.0))
    for _ in range(3):
        world.record(quote(T0), source="rest", payload=otherwise(quote(T0)))
    counts = world.counts("quotes")
    assert (counts.sent, counts.received, counts.duplicated, counts.unexpected) == (2, 2, 1, 0)


def test_a_quote_missing_beside_a_repaired_one_of_its_moment_is_lost_and_not_wrong() -> None:
    world = World()
    world.happen(quote(T0, bs=1))
    world.happen(quote(T0, bs=2))
    world.record(quote(T0, bs=1), source="rest", payload=otherwise(quote(T0, bs=1)))
    counts = world.counts("quotes")
    assert (counts.received, counts.lost, counts.wrong) == (1, 1, 0)
