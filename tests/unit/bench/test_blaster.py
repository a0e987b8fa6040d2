from __future__ import annotations

import pytest
from picows import WSMsgType

from torghut.bench.blaster import frame_of


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_frame_says_its_length_in_the_shortest_form(size: int, head: bytes) -> None:
    assert frame_of(WSMsgType.TEXT, b"x" * size) == head + b"x" * size


def test_a_binary_frame_says_so() -> None:
    assert frame_of(WSMsgType.BINARY, b"")[:1] == b"\x82"
