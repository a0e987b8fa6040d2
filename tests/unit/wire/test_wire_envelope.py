"""Envelopes: there and back without a change, the payload's bytes untouched, the contract's shape enforced."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.wire.envelope import Envelope, Window, decode_envelope, encode_envelope
from torghut.wire.topics import Channel

PAYLOAD = b'{"i":1, "p":1e2,"t":"2024-08-08T13:30:00.123456789Z"}'


def envelope(**changes: Any) -> Envelope:
    fields: dict[str, Any] = {
        "version": 1,
        "event_ts": 1723123800_123456789,
        "ingest_ts": 1723123800_223456789,
        "feed": "sip",
        "channel": Channel.TRADES,
        "symbol": "AAPL",
        "seq": 7,
        "session": "host-1",
        "source": "ws",
        "payload": msgspec.Raw(PAYLOAD),
    }
    return Envelope(**{**fields, **changes})


@given(
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.text(min_size=1),
    st.sampled_from(sorted(Channel)),
    st.sampled_from(["ws", "rest"]),
)
def test_an_envelope_survives_encoding(event_ts: int, seq: int, symbol: str, channel: Channel, source: str) -> None:
    original = envelope(event_ts=event_ts, seq=seq, symbol=symbol, channel=channel, source=source)
    found = decode_envelope(encode_envelope(original))
    assert bytes(found.payload) == PAYLOAD
    assert msgspec.structs.replace(found, payload=original.payload) == original


def test_the_payloads_bytes_are_passed_through() -> None:
    assert PAYLOAD in encode_envelope(envelope())


def test_what_is_not_said_is_left_out() -> None:
    encoded = msgspec.json.decode(encode_envelope(envelope()))
    assert list(encoded) == [
        "version", "event_ts", "ingest_ts", "feed", "channel", "symbol", "seq", "session", "source", "payload",
    ]  # fmt: skip


def test_a_ta_record_says_its_window_and_finality() -> None:
    window = Window(1000, 1723123800_000000000, 1723123801_000000000)
    encoded = encode_envelope(envelope(source="ta", is_final=True, revision=0, window=window, job_version="1"))
    found = decode_envelope(encoded)
    assert (found.is_final, found.revision, found.window, found.job_version) == (True, 0, window, "1")
    assert b'"revision":0' in encoded


def test_encoding_is_deterministic() -> None:
    assert encode_envelope(envelope()) == encode_envelope(envelope())


def test_keys_that_are_added_later_do_not_disturb() -> None:
    later = msgspec.json.decode(encode_envelope(envelope())) | {"added": 1}
    assert decode_envelope(msgspec.json.encode(later)).symbol == "AAPL"


@pytest.mark.parametrize(
    "change", [{"seq": "7"}, {"event_ts": 1.5}, {"channel": "gossip"}, {"source": "rumour"}, {"symbol": None}]
)
def test_another_shape_is_refused(change: dict[str, Any]) -> None:
    wrong = msgspec.json.decode(encode_envelope(envelope())) | change
    with pytest.raises(msgspec.ValidationError):
        decode_envelope(msgspec.json.encode(wrong))


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null"])
def test_what_is_no_envelope_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_envelope(value)
