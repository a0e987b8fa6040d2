from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.bench.load import STEP_NS, Encoding, Load, frames, messages, records, round_base, symbols_of
from torghut.feed.messages import parse_frame
from torghut.wire.envelope import decode_envelope
from torghut.wire.topics import Channel

BASE = 1_795_000_000_000_000_000
LOADS = st.builds(
    Load,
    messages=st.integers(1, 300),
    frame=st.integers(1, 25),
    rate=st.none() | st.floats(100, 100_000),
)


@given(LOADS)
def test_every_message_is_recognised_by_its_event_time(load: Load) -> None:
    numbers = [load.number(BASE, load.event_ns(BASE, number)) for number in range(load.messages)]
    assert numbers == list(range(load.messages))


@given(LOADS, st.integers(-STEP_NS + 1, STEP_NS * 1000).filter(lambda ns: ns % STEP_NS))
def test_a_time_between_two_messages_is_none_of_them(load: Load, off: int) -> None:
    assert load.number(BASE, BASE + off) is None


def test_a_time_after_the_last_message_is_none_of_them() -> None:
    load = Load(40, 20)
    assert load.number(BASE, load.event_ns(BASE, 40)) is None


def test_the_forwarder_understands_every_frame() -> None:
    load = Load(1001, 20)
    parsed = [parse_frame(frame) for frame in frames(load, BASE, "json")]
    assert [len(frame.messages) for frame in parsed] == [20] * 50 + [1]
    assert not any(frame.rejects for frame in parsed)


def test_about_half_of_the_messages_are_trades() -> None:
    kinds = [message["T"] for message in messages(Load(2000), BASE)]
    assert kinds.count("t") + kinds.count("q") == 2000
    assert 900 < kinds.count("t") < 1100


def test_a_load_can_be_of_trades_alone() -> None:
    assert {message["T"] for message in messages(Load(500, trades=1.0), BASE)} == {"t"}


def test_all_symbols_of_a_large_load_are_different() -> None:
    assert len(set(symbols_of(Load(1, symbols=1_500)))) == 1_500


def test_a_load_is_the_same_each_time() -> None:
    assert list(frames(Load(100), BASE, "json")) == list(frames(Load(100), BASE, "json"))


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_both_encodings_carry_the_same_values(encoding: Encoding) -> None:
    decode = msgspec.json.decode if encoding == "json" else msgspec.msgpack.decode
    (frame,) = frames(Load(20), BASE, encoding)
    wanted = [{k: v for k, v in message.items() if k != "t"} for message in messages(Load(20), BASE)]
    assert [{k: v for k, v in message.items() if k != "t"} for message in decode(frame)] == wanted


def test_the_records_of_the_limit_are_those_that_the_forwarder_would_write() -> None:
    load = Load(200)
    parsed = [message for frame in frames(load, BASE, "json") for message in parse_frame(frame).messages]
    made = [decode_envelope(value) for _, _, value in records(load, BASE, "sip")]
    assert [(e.channel, e.symbol, e.event_ts, bytes(e.payload)) for e in made] == [
        (m.channel, m.symbol, m.event_ts, m.payload) for m in parsed
    ]
    assert {e.channel for e in made} == {Channel.TRADES, Channel.QUOTES}


def test_a_load_begins_at_a_whole_microsecond() -> None:
    assert round_base(BASE + 1) == BASE + STEP_NS
    assert round_base(BASE) == BASE
