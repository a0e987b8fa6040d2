"""Frames and rows become messages: the same bytes, all nanoseconds, the right identity, nothing lost to a neighbour."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.feed.errors import MessageError
from torghut.feed.messages import (
    Acknowledgement,
    Error,
    Frame,
    Message,
    Success,
    message_from_envelope,
    overlap_key,
    parse_frame,
    parse_history,
)
from torghut.feed.subscription import Subscription
from torghut.wire.topics import Channel

TIME = "2024-08-08T13:30:00.123456789Z"
TIME_NS = 1723123800_123456789


def dated(text: str) -> str:
    return text.replace("TIME", TIME)


TRADE = dated('{"T":"t","S":"AAPL","i":52983525027888,"x":"D","p":150.26,"s":100,"c":["@","I"],"z":"C","t":"TIME"}')
QUOTE = dated(
    '{"T":"q","S":"AAPL","bx":"U","bp":150.25,"bs":3,"ax":"Q","ap":150.27,"as":2,"c":["R"],"z":"C","t":"TIME"}'
)
BAR = '{"T":"b","S":"AAPL","o":1.5,"h":2,"l":1,"c":1.75,"v":300,"n":3,"vw":1.6,"t":"2024-08-08T13:30:00Z"}'
EXAMPLES = {
    Channel.TRADES: TRADE,
    Channel.QUOTES: QUOTE,
    Channel.BARS: BAR,
    Channel.UPDATED_BARS: BAR.replace('"b"', '"u"'),
    Channel.CORRECTIONS: dated(
        '{"T":"c","S":"AAPL","x":"D","oi":1,"op":10,"os":5,"oc":["@"],"ci":2,"cp":11,"cs":5,"cc":["@"],"z":"C","t":"TIME"}'
    ),
    Channel.CANCEL_ERRORS: dated('{"T":"x","S":"AAPL","i":1,"x":"D","p":10,"s":5,"a":"C","z":"C","t":"TIME"}'),
    Channel.STATUSES: dated(
        '{"T":"s","S":"AAPL","sc":"H","sm":"Trading Halt","rc":"T12","rm":"News: \\"pending\\"","z":"C","t":"TIME"}'
    ),
    Channel.LULDS: dated('{"T":"l","S":"AAPL","u":110.5,"d":99.5,"i":"B","z":"C","t":"TIME"}'),
}


def frame(*messages: str) -> bytes:
    return ("[" + ",".join(messages) + "]").encode()


def one(message: str) -> Message:
    parsed = parse_frame(frame(message))
    assert parsed.rejects == []
    (found,) = parsed.messages
    return found


def trade(**changes: Any) -> Message:
    return one(json.dumps({**json.loads(TRADE), **changes}))


@pytest.mark.parametrize("channel", EXAMPLES)
def test_every_data_type_has_its_channel(channel: Channel) -> None:
    message = one(EXAMPLES[channel])
    assert (message.channel, message.symbol) == (channel, "AAPL")


@pytest.mark.parametrize("channel", EXAMPLES)
def test_the_payload_is_the_text_without_type_and_symbol(channel: Channel) -> None:
    text = EXAMPLES[channel]
    assert one(text).payload.decode() == "{" + text[text.index('"AAPL",') + 7 :]


def test_all_nine_digits_of_the_time_are_kept() -> None:
    assert one(TRADE).event_ts == TIME_NS


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2024-08-08T13:30:00Z", 1723123800_000000000),
        ("2024-08-08T13:30:00.1Z", 1723123800_100000000),
        ("2024-08-08T09:30:00.000000001-04:00", 1723123800_000000001),
    ],
)
def test_shorter_fractions_and_offsets_are_read(text: str, ns: int) -> None:
    assert trade(t=text).event_ts == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-02-30T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-01-01T00:00:00.000000000Z",
        TIME[:-1] + "9Z",
    ],
)
def test_an_impossible_time_is_an_invalid_message(text: str) -> None:
    (reject,) = parse_frame(frame(TRADE.replace(TIME, text))).rejects
    assert (reject.reason, reject.symbol) == ("invalid_message", "AAPL")


def test_a_crypto_trade_has_neither_exchange_nor_tape_and_a_slash_in_its_symbol() -> None:
    text = dated('{"T":"t","S":"BTC/USD","p":61000.5,"s":0.000123,"t":"TIME","i":7,"tks":"S"}')
    message = one(text)
    assert message.symbol == "BTC/USD"
    assert message.payload.decode() == text.replace('"T":"t","S":"BTC/USD",', "")


def test_the_values_t_and_s_inside_a_message_are_no_keys() -> None:
    text = TRADE.replace('["@","I"]', '["T","S"]')
    assert b'"c":["T","S"]' in one(text).payload


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ('{"T":"l","i":"B","S":"A","u":1,"d":1,"t":"TIME"}', '{"i":"B","u":1,"d":1,"t":"TIME"}'),
        ('{"u":1,"d":1,"t":"TIME","S":"A","T":"l"}', '{"u":1,"d":1,"t":"TIME"}'),
        ('{ "T" : "l" , "S" : "A" , "u" : 1 , "d":\t1,"t":"TIME" }', '{"u" : 1,"d":\t1,"t":"TIME"}'),
        ('{"\\u0054":"l","S":"A","u":1,"d":1,"t":"TIME"}', '{"u":1,"d":1,"t":"TIME"}'),
        ('{"T":"l","S":"B","S":"A","u":1,"d":1,"t":"TIME"}', '{"u":1,"d":1,"t":"TIME"}'),
        ('{"T":"l","S":"A","u":1,"d":1,"t":"TIME","S" :"A"}', '{"u":1,"d":1,"t":"TIME"}'),
        (
            '{"T":"l","S":"A","more":{"T":"x","S":[{"T":1},{"S":2}]},"u":1,"d":1,"t":"TIME"}',
            '{"more":{"T":"x","S":[{"T":1},{"S":2}]},"u":1,"d":1,"t":"TIME"}',
        ),
        ('{"T":"l","S":"A","i":"},{\\"T\\":","u":1,"d":1,"t":"TIME"}', '{"i":"},{\\"T\\":","u":1,"d":1,"t":"TIME"}'),
        ('{"T":"l","S":"A","i":"},{","u":1,"d":1,"t":"TIME"}', '{"i":"},{","u":1,"d":1,"t":"TIME"}'),
        ('{"T":"l","S":"A" ,"u":1,"d":1,"t":"TIME"}', '{"u":1,"d":1,"t":"TIME"}'),
        ('{"T":"l","S":"B","\\u0053":"A","u":1,"d":1,"t":"TIME"}', '{"u":1,"d":1,"t":"TIME"}'),
        ('{"T":"l","S":"A","i":"{","u":1,"d":1,"t":"TIME"}', '{"i":"{","u":1,"d":1,"t":"TIME"}'),
        ('{"T":"l","S":"A","x":"é","u":1,"d":1,"t":"TIME"}', '{"x":"é","u":1,"d":1,"t":"TIME"}'),
    ],
)
def test_other_ways_to_write_a_message_lose_only_the_two_keys(text: str, payload: str) -> None:
    parsed = parse_frame(frame(TRADE, dated(text), QUOTE))
    assert [m.symbol for m in parsed.messages] == ["AAPL", "A", "AAPL"]
    assert parsed.messages[1].payload.decode() == dated(payload)
    assert parsed.messages[0] == one(TRADE)
    assert parsed.messages[2] == one(QUOTE)


def test_what_looks_like_a_boundary_does_not_stand_in_for_one() -> None:
    band = EXAMPLES[Channel.LULDS].replace('"B"', '"},{"')
    parsed = parse_frame(f"[{band} , {TRADE}]".encode())
    assert parsed.messages == [one(band), one(TRADE)]
    assert b'"i":"},{"' in parsed.messages[0].payload


@pytest.mark.parametrize("kind", ["d", "o", "zz", ""])
def test_an_unknown_type_does_not_stop_the_frame(kind: str) -> None:
    stranger = '{"T":"KIND","S":"MSFT","o":1}'.replace("KIND", kind)
    parsed = parse_frame(frame(TRADE, stranger, QUOTE))
    assert [m.channel for m in parsed.messages] == [Channel.TRADES, Channel.QUOTES]
    (reject,) = parsed.rejects
    assert (reject.raw.decode(), reject.reason, reject.symbol) == (stranger, "unknown_type", "MSFT")


@pytest.mark.parametrize(
    "garbage",
    [
        '{"T":"t","S":"AAPL"}',
        TRADE.replace('"i":52983525027888', '"i":"x"'),
        TRADE.replace("150.26", "NaN"),
        TRADE.replace("150.26", "Infinity"),
        TRADE.replace("150.26", "1e999"),
        TRADE.replace("150.26", "true"),
        TRADE.replace("150.26", '"150.26"'),
        TRADE.replace('"AAPL"', '""'),
        TRADE.replace('"AAPL"', "7"),
        TRADE.replace('"S":"AAPL",', ""),
        QUOTE.replace('"as":2,', ""),
        '{"T":["t"]}',
        "{}",
        "7",
        "null",
        "tru",
        '{"T":"t",}',
        '{"T":"t","S":"AAPL","more":' + "[" * 3000 + "]" * 3000 + "}",
    ],
)
def test_a_bad_message_does_not_stop_the_frame(garbage: str) -> None:
    parsed = parse_frame(frame(TRADE, garbage, QUOTE))
    assert [m.channel for m in parsed.messages] == [Channel.TRADES, Channel.QUOTES]
    (reject,) = parsed.rejects
    assert (reject.raw.decode(), reject.reason) == (garbage, "invalid_message")


def test_a_message_that_is_not_utf8_is_invalid() -> None:
    raw = TRADE.replace('"z":"C"', '"q":"?"').encode().replace(b"?", b"\xff")
    parsed = parse_frame(b"[" + raw + b"," + QUOTE.encode() + b"]")
    assert [r.reason for r in parsed.rejects] == ["invalid_message"]
    assert len(parsed.messages) == 1


@pytest.mark.parametrize(
    "raw", [b"", b"[", b"{}", b'"x"', b"null", b"[1,2]", b"\xff\xfe", b'[{"T":"t"', b'[{"a":"}]', b"[]]"]
)
def test_what_is_no_array_of_objects_is_one_invalid_frame(raw: bytes) -> None:
    parsed = parse_frame(raw)
    assert not parsed.messages
    assert [(r.raw, r.reason) for r in parsed.rejects] == [(raw, "invalid_frame")]


def test_an_empty_array_is_an_empty_frame() -> None:
    assert parse_frame(b" [ ] ") == Frame([], [], [])


def test_control_messages_are_told_apart_from_data() -> None:
    parsed = parse_frame(
        b'[{"T":"success","msg":"connected"},{"T":"error","code":406,"msg":"connection limit exceeded"},'
        b'{"T":"subscription","trades":["A"],"updatedBars":["*"],"corrections":["A"],"cancelErrors":["A"],"news":["x"]}]'
    )
    assert parsed.messages == []
    success, error, acknowledgement = parsed.controls
    assert success == Success("connected")
    assert error == Error(406, "connection limit exceeded")
    assert isinstance(acknowledgement, Acknowledgement)
    state, a = acknowledgement.state, frozenset("A")
    assert state == Subscription(trades=a, updated_bars=frozenset("*"), corrections=a, cancel_errors=a)


@pytest.mark.parametrize(("a", "b"), [("100", "100.0"), ("100", "1e2"), ("0.5", "5E-1"), ("150.26", "150.260")])
@pytest.mark.parametrize("channel", [Channel.TRADES, Channel.UPDATED_BARS])
def test_numbers_written_differently_give_the_same_identity(a: str, b: str, channel: Channel) -> None:
    number = {Channel.TRADES: "150.26", Channel.UPDATED_BARS: "1.75"}[channel]
    text = EXAMPLES[channel]
    assert one(text.replace(number, a)).identity == one(text.replace(number, b)).identity


@pytest.mark.parametrize(
    "changes",
    [{"i": 1}, {"x": "N"}, {"z": "A"}, {"t": "2024-08-08T13:30:00.123456788Z"}, {"p": 150.27}, {"s": 101}],
)
def test_trades_that_differ_in_one_part_of_their_identity_differ(changes: dict[str, Any]) -> None:
    assert trade(**changes).identity != one(TRADE).identity


def test_conditions_are_no_part_of_a_trades_identity() -> None:
    assert trade(c=[]).identity == one(TRADE).identity


def test_absent_null_and_empty_are_the_same_exchange() -> None:
    bare = {key: value for key, value in json.loads(TRADE).items() if key != "x"}
    assert len({one(json.dumps(bare | extra)).identity for extra in ({}, {"x": ""}, {"x": None})}) == 1


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_different_ids_never_share_an_identity(a: int, b: int) -> None:
    assert (trade(i=a).identity == trade(i=b).identity) == (a == b)


def test_a_bar_is_its_minute_and_an_updated_bar_also_its_values() -> None:
    changed = {"1.75": "1.8"}
    bar, updated = EXAMPLES[Channel.BARS], EXAMPLES[Channel.UPDATED_BARS]
    for old, new in changed.items():
        assert one(bar).identity == one(bar.replace(old, new)).identity
        assert one(updated).identity != one(updated.replace(old, new)).identity


def test_a_correction_is_known_by_both_ids_and_a_cancel_by_one() -> None:
    correction, cancel = EXAMPLES[Channel.CORRECTIONS], EXAMPLES[Channel.CANCEL_ERRORS]
    assert one(correction).identity != one(correction.replace('"ci":2', '"ci":3')).identity
    assert one(correction).identity == one(correction.replace('"cp":11', '"cp":12')).identity
    assert one(cancel).identity != one(cancel.replace('"i":1', '"i":2')).identity
    assert one(cancel).identity == one(cancel.replace('"p":10', '"p":11')).identity


@pytest.mark.parametrize("channel", [Channel.QUOTES, Channel.STATUSES, Channel.LULDS])
def test_what_has_no_id_has_no_identity(channel: Channel) -> None:
    assert one(EXAMPLES[channel]).identity is None


@pytest.mark.parametrize("channel", [Channel.TRADES, Channel.QUOTES, Channel.BARS])
def test_a_row_of_history_equals_the_message_of_the_stream(channel: Channel) -> None:
    streamed = one(EXAMPLES[channel])
    message, mark = parse_history(channel, "AAPL", streamed.payload)
    assert (message, mark) == (streamed, None)
    assert overlap_key(message) == overlap_key(streamed)


@pytest.mark.parametrize("mark", ["canceled", "corrected", "incorrect"])
@pytest.mark.parametrize("place", ["{", '"z":"C",'])
def test_the_mark_of_a_changed_trade_is_given_apart(mark: str, place: str) -> None:
    streamed = one(TRADE)
    row = streamed.payload.decode().replace(place, f'{place}"u":"{mark}",', 1)
    assert parse_history(Channel.TRADES, "AAPL", row.encode()) == (streamed, mark)


@pytest.mark.parametrize("row", [b"{}", b"[]", b"7", b'{"t":"x","i":1,"p":1,"s":1}', b"\xff"])
def test_a_row_that_is_no_event_is_an_error(row: bytes) -> None:
    with pytest.raises(MessageError, match="AAPL"):
        parse_history(Channel.TRADES, "AAPL", row)


@pytest.mark.parametrize("channel", EXAMPLES)
def test_a_record_read_back_is_the_message_it_was(channel: Channel) -> None:
    message = one(EXAMPLES[channel])
    assert message_from_envelope(channel, "AAPL", message.event_ts, message.payload) == message


def test_a_record_of_another_kind_read_back_is_an_error() -> None:
    with pytest.raises(MessageError):
        message_from_envelope(Channel.TA_BARS, "AAPL", 0, b"{}")
    with pytest.raises(MessageError):
        message_from_envelope(Channel.TRADES, "AAPL", 0, b'{"p":1}')


def test_quotes_that_are_numerically_equal_overlap() -> None:
    other = QUOTE.replace("150.25", "150.250").replace('"bs":3', '"bs":3.0')
    assert overlap_key(one(QUOTE)) == overlap_key(one(other))


@pytest.mark.parametrize(
    ("old", "new"),
    [("150.25", "150.24"), ("150.27", "150.28"), ('"bs":3', '"bs":4'), ('"as":2', '"as":1'), ('"U"', '"V"'),
     ('"Q"', '"V"'), ('["R"]', '["Y"]'), ('"z":"C"', '"z":"A"'), ("789Z", "788Z"), ("AAPL", "MSFT")],
)  # fmt: skip
def test_quotes_that_differ_do_not_overlap(old: str, new: str) -> None:
    assert overlap_key(one(QUOTE)) != overlap_key(one(QUOTE.replace(old, new)))


@pytest.mark.parametrize("channel", [Channel.STATUSES, Channel.LULDS])
def test_statuses_and_bands_overlap_by_their_values(channel: Channel) -> None:
    message, other = EXAMPLES[channel], EXAMPLES[channel].replace('"z":"C"', '"z":"A"')
    assert overlap_key(one(message)) == overlap_key(one(message.replace("110.5", "110.50")))
    assert overlap_key(one(message)) != overlap_key(one(other))
