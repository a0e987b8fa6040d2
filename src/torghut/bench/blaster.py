"""A stand-in for Alpaca that only plays frames: `python -m torghut.bench.blaster LOAD_JSON json|msgpack`.

It speaks the login and takes any subscription; keys, faults and history are the simulator's business. The frames are
encoded and framed beforehand, so that the load costs the machine as little as possible.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from typing import Any, Final

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from torghut.bench.load import Encoding, Load, frames, round_base
from torghut.bench.stage import Said, leave_with_director, say
from torghut.platform.ports import LOOPBACK
from torghut.wire.times import NS_PER_S

LEAD_NS: Final = 4 * NS_PER_S
"""From the subscription to the first frame of a steady load: time to encode it."""

CHUNK: Final = 256 * 1024
"""Bytes written at once when there is no rate."""


class Blaster(WSListener):
    """The server's end of the one client."""

    def __init__(self, load: Load, encoding: Encoding) -> None:
        super().__init__()
        self._load = load
        self._encoding = encoding
        self._kind = WSMsgType.TEXT if encoding == "json" else WSMsgType.BINARY
        self._transport: WSTransport | None = None
        self._request = bytearray()
        self._room = asyncio.Event()
        self._room.set()
        self._play: asyncio.Task[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Welcome."""
        self._transport = transport
        self._send([{"T": "success", "msg": "connected"}])

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Login and subscription; alpaca-py sends its requests in fragments."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
            return
        if frame.msg_type not in {WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            return
        self._request += frame.get_payload_as_bytes()
        if not frame.fin:
            return
        request = self._decode(bytes(self._request))
        self._request.clear()
        if request["action"] == "auth":
            self._send([{"T": "success", "msg": "authenticated"}])
        else:
            state = {name: request.get(name, []) for name in ("trades", "quotes", "bars")}
            self._send([{"T": "subscription", **state}])
            self._play = self._play or asyncio.create_task(self._run())

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It caught up."""
        self._room.set()

    def _decode(self, data: bytes) -> dict[str, Any]:
        decode = msgspec.json.decode if self._encoding == "json" else msgspec.msgpack.decode
        return decode(data, type=dict[str, Any])

    def _send(self, message: list[dict[str, Any]]) -> None:
        encode = msgspec.json.encode if self._encoding == "json" else msgspec.msgpack.encode
        assert self._transport is not None  # noqa: S101 - set when connected
        self._transport.send(self._kind, encode(message))

    async def _run(self) -> None:
        load = self._load
        base = round_base(time.time_ns() + (LEAD_NS if load.rate else 0))
        framed = [frame_of(self._kind, payload) for payload in frames(load, base, self._encoding)]
        say(Said("ready", base=base))
        await asyncio.to_thread(sys.stdin.readline)
        assert self._transport is not None  # noqa: S101 - set when connected
        write = self._transport.underlying_transport.write
        if load.rate is None:
            for chunk in _chunks(framed):
                write(chunk)
                await asyncio.sleep(0)
                await self._room.wait()
        else:
            for number, frame in enumerate(framed):
                await asyncio.sleep((load.event_ns(base, number * load.frame) - time.time_ns()) / NS_PER_S)
                write(frame)
                await self._room.wait()
        say(Said("done"))


def frame_of(kind: WSMsgType, payload: bytes) -> bytes:
    """A server's unfragmented WebSocket frame (RFC 6455, 5.2)."""
    head = 0x80 | (0x1 if kind == WSMsgType.TEXT else 0x2)
    if len(payload) < 126:
        return struct.pack("!BB", head, len(payload)) + payload
    if len(payload) < 1 << 16:
        return struct.pack("!BBH", head, 126, len(payload)) + payload
    return struct.pack("!BBQ", head, 127, len(payload)) + payload


def _chunks(framed: list[bytes]) -> list[bytes]:
    joined = b"".join(framed)
    return [joined[at : at + CHUNK] for at in range(0, len(joined), CHUNK)]


async def serve(load: Load, encoding: Encoding) -> None:
    """Serve one client until the process is ended."""
    server = await ws_create_server(lambda _: Blaster(load, encoding), LOOPBACK, 0)
    say(Said("listening", port=server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    leave_with_director()
    uvloop.run(serve(msgspec.json.decode(sys.argv[1], type=Load), msgspec.convert(sys.argv[2], Encoding)))
