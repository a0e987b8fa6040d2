from __future__ import annotations

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest

from torghut.sim.codec import JSON, MSGPACK, Codec
from torghut.sim.session import Acknowledge, Failure, Request, Success

MESSAGE = b'{"T":"t","S":"A","p":1.500,"t":"2024-01-02T12:00:00.123456789Z"}'


def test_json_data_is_the_messages_own_bytes() -> None:
    assert JSON.data([MESSAGE, MESSAGE]) == b"[" + MESSAGE + b"," + MESSAGE + b"]"


def test_msgpack_times_are_timestamps_with_nanoseconds() -> None:
    (message,) = msgpack.unpackb(MSGPACK.data([MESSAGE]))
    assert (message["t"].seconds, message["t"].nanoseconds) == (1_704_196_800, 123_456_789)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (Success("connected"), {"T": "success", "msg": "connected"}),
        (Failure(402, "auth failed"), {"T": "error", "code": 402, "msg": "auth failed"}),
        (Acknowledge({"trades": ("A",)}), {"T": "subscription", "trades": ["A"]}),
    ],
)
def test_control_messages_come_alone_in_an_array(said: Success | Failure | Acknowledge, heard: object) -> None:
    assert msgspec.json.decode(JSON.control(said)) == [heard]
    assert msgpack.unpackb(MSGPACK.control(said)) == [heard]


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
@pytest.mark.parametrize("frame", [b"", b"{", b"[]", b'{"action":"subscribe","trades":"AAPL"}', b'{"trades":[]}'])
def test_what_is_no_request_is_none(codec: Codec, frame: bytes) -> None:
    assert codec.request(frame) is None


def test_a_request_is_read_in_both_encodings() -> None:
    asked = {"action": "subscribe", "updatedBars": ["A"], "new": 1}
    wanted = Request("subscribe", updated_bars=("A",))
    assert JSON.request(msgspec.json.encode(asked)) == MSGPACK.request(msgpack.packb(asked)) == wanted
