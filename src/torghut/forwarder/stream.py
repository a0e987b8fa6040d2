"""The socket: a WebSocket client that hands over whole messages as bytes, and nothing more."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of one message, all its fragments together. Larger ones end the connection."""

CONNECT_S: Final = 10.0
IDLE_PING_S: Final = 5.0
PONG_S: Final = 5.0
"""A peer that is silent for `IDLE_PING_S` is pinged, and given up when it does not answer within `PONG_S`: a half-open
connection ends within ten seconds."""


class StreamError(Exception):
    """The connection could not be made."""


class Stream(WSListener):
    """One connection. `closed` is set when it is over, for whatever reason.

    `on_open` is called before the first message, `on_message` with each message; both may come before `open` returns.
    """

    def __init__(self, on_open: Callable[[], None], on_message: Callable[[bytes], None]) -> None:
        self.closed = asyncio.Event()
        self.close_reason = ""
        self._on_open = on_open
        self._on_message = on_message
        self._transport: WSTransport | None = None
        self._fragments = bytearray()

    async def open(self, url: str, headers: dict[str, str] | None = None) -> None:
        """Connect.

        Raises:
            StreamError: refused, timed out, or not a WebSocket.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                await ws_connect(
                    lambda: self,
                    url,
                    ssl_context=ssl.create_default_context() if url.startswith("wss:") else None,
                    extra_headers=headers,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=IDLE_PING_S,
                    auto_ping_reply_timeout=PONG_S,
                    max_frame_size=MAX_MESSAGE,
                    websocket_handshake_timeout=CONNECT_S,
                    max_redirects=0,
                )
        except TimeoutError as error:
            raise StreamError(f"no connection to {url} within {CONNECT_S:.0f} s") from error
        except (OSError, WSError) as error:
            raise StreamError(f"no connection to {url}: {error or type(error).__name__}") from error

    def send(self, data: bytes) -> None:
        """Send a text message; nothing happens when the connection is over."""
        if self._transport is not None and not self.closed.is_set():
            self._transport.send(WSMsgType.TEXT, data)

    def close(self) -> None:
        """End the connection now."""
        if self._transport is not None and not self.closed.is_set():
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport
        self._on_open()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Put fragments together; hand over what is whole."""
        kind = frame.msg_type
        if kind == WSMsgType.TEXT or kind == WSMsgType.BINARY or kind == WSMsgType.CONTINUATION:  # noqa: PLR1714 - a set would hash on the hot path
            if frame.fin and not self._fragments:
                self._on_message(frame.get_payload_as_bytes())
            else:
                self._assemble(transport, frame)
        elif kind == WSMsgType.CLOSE:
            self.close_reason = (
                f"closed by the server: {frame.get_close_code()} {frame.get_close_reason() or ''}".strip()
            )
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is over."""
        del transport
        self.close_reason = self.close_reason or "connection lost"
        self.closed.set()

    def _assemble(self, transport: WSTransport, frame: WSFrame) -> None:
        self._fragments += frame.get_payload_as_memoryview()
        if len(self._fragments) > MAX_MESSAGE:
            self.close_reason = f"a message of more than {MAX_MESSAGE} bytes"
            transport.disconnect(graceful=False)
        elif frame.fin:
            whole = bytes(self._fragments)
            self._fragments.clear()
            self._on_message(whole)
