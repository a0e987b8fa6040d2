"""One WebSocket connection: frames in, frames out, around a pure `Session`.

While the client reads, frames go straight to the socket. When the socket's buffer is full, messages wait in a queue
here; who does not catch up in time is told 407 and closed, or, under back-pressure, waited for.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from torghut.sim.codec import Codec
from torghut.sim.events import CHANNEL, Event
from torghut.sim.session import Acknowledge, Action, Authenticated, Code, Failure, Session, State, failure
from torghut.sim.settings import SimSettings

_RESET: Final = struct.pack("ii", 1, 0)
_CLOSE_GRACE_S: Final = 0.2
_SOCKET_BUFFER: Final = 1024 * 1024


class Owner(Protocol):
    """What a connection reports to."""

    settings: SimSettings
    clock: Callable[[], int]

    def opened(self, connection: Connection) -> None:
        """It is up."""

    def authenticated(self, connection: Connection, account: int) -> None:
        """It belongs to an account."""

    def acknowledged(self, connection: Connection, state: State) -> None:
        """Its subscription is about to be acknowledged."""

    def subscribed_to(self, connection: Connection, state: State) -> None:
        """The acknowledgement was sent."""

    def closed(self, connection: Connection) -> None:
        """It is gone."""


class Connection(WSListener):
    """The server's end of one client."""

    def __init__(self, number: int, session: Session, codec: Codec, owner: Owner, keys: tuple[str, str]) -> None:
        super().__init__()
        self.number = number
        self.session = session
        self.codec = codec
        self.half_open = False
        self.sent = 0
        self._owner = owner
        self._keys = keys
        self._transport: WSTransport
        self._message_type = WSMsgType.TEXT if codec.text else WSMsgType.BINARY
        self._wanted: dict[str, frozenset[str]] = {}
        self._queue: deque[bytes] = deque()
        self._fragments: list[bytes] = []
        self._ready = asyncio.Event()
        self._ready.set()
        self._full_since_ns: int | None = None
        self._auth_timer: asyncio.TimerHandle | None = None
        self._ending = False
        self._extra: list[bytes] = []
        self._fragment = (0, 1)

    @property
    def subscribed(self) -> bool:
        """Whether anything is owed to the client."""
        return bool(self._wanted) and not self.half_open

    @property
    def queued(self) -> int:
        """Messages that wait for the client to read."""
        return len(self._queue)

    # picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Welcome the client."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=_SOCKET_BUFFER)
        self._owner.opened(self)
        loop = asyncio.get_running_loop()
        self._auth_timer = loop.call_later(self._owner.settings.auth_timeout_s, self._time_out)
        self._perform(self.session.open(*self._keys))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Put fragments together, answer requests, return a close."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._fragments.append(frame.get_payload_as_bytes())
            if frame.fin:
                message = b"".join(self._fragments)
                self._fragments.clear()
                self._perform(self.session.receive(self.codec.request(message)))

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' signature
        """Tell the owner, let nobody wait for us."""
        if self._auth_timer is not None:
            self._auth_timer.cancel()
        self._queue.clear()
        self._ready.set()
        self._owner.closed(self)

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        self._ready.clear()
        self._full_since_ns = self._owner.clock()

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._full_since_ns = None
        self._ready.set()
        self.flush()

    # the server calls these

    def deliver(self, events: Sequence[Event]) -> None:
        """Send those events that the client subscribed to."""
        feed, wanted = self.session.feed, self._wanted
        if not wanted:
            return
        for event in events:
            symbols = wanted.get(event.kind)
            if symbols and (event.symbol in symbols or "*" in symbols) and event.feed == feed:
                self._queue.append(event.raw)
        self.flush()

    def flush(self) -> None:
        """Send what is queued, as far as the socket takes it."""
        if self.half_open:
            self._queue.clear()
        size, queue = self._owner.settings.frame_size, self._queue
        while queue and self._ready.is_set():
            messages = [queue.popleft() for _ in range(min(size, len(queue)))]
            self.sent += len(messages)
            self._send_data(messages)

    def send_frame(self, payload: bytes, *, pieces: int = 1) -> None:
        """One message on the wire, in `pieces` WebSocket frames."""
        if self.half_open or self._ending:
            return
        step = -(-len(payload) // pieces)
        for at in range(0, len(payload), step):
            kind = WSMsgType.CONTINUATION if at else self._message_type
            self._transport.send(kind, payload[at : at + step], fin=at + step >= len(payload))

    def add_to_next_frame(self, messages: Sequence[bytes]) -> None:
        """Let these (JSON) messages go in one frame with the next data."""
        self._extra += messages

    def fragment_next(self, frames: int, pieces: int) -> None:
        """Send the next `frames` data frames in so many pieces each."""
        self._fragment = (frames, pieces)

    def fail(self, code: Code) -> None:
        """Send an error, whatever the session thinks, and close if it is a final one."""
        self._perform([failure(code)])

    async def writable(self) -> None:
        """Wait until the socket takes more; at once for one that is half open."""
        if not self.half_open:
            await self._ready.wait()

    def cut_if_slow(self, slow_ns: int, most: int) -> None:
        """407 for a client that has not made room for so long, or for whom too much waits."""
        if self._full_since_ns is None or self.half_open or self._ending:
            return
        if len(self._queue) > most or self._owner.clock() - self._full_since_ns > slow_ns:
            self._queue.clear()
            self.fail(Code.SLOW_CLIENT)

    def reset(self) -> None:
        """Break the connection as a lost network does: no close frame, a TCP reset."""
        raw: socket.socket | None = self._transport.underlying_transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.disconnect(graceful=False)

    def close(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Close in order: a close frame, then the socket."""
        if self._ending:
            return
        self._ending = True
        self._transport.send_close(code)
        # The client may never answer, and may never read: after the grace time the socket goes either way.
        asyncio.get_running_loop().call_later(_CLOSE_GRACE_S, self._transport.disconnect, False)

    def go_half_open(self) -> None:
        """Neither read nor write any more, but keep the socket: a peer that lost its power."""
        self.half_open = True
        self._queue.clear()
        self._ready.set()
        self._transport.underlying_transport.pause_reading()

    def _send_data(self, messages: list[bytes]) -> None:
        if self._extra:
            messages = self._extra + messages
            self._extra = []
        left, pieces = self._fragment
        if left:
            self._fragment = (left - 1, pieces)
        self.send_frame(self.codec.data(messages), pieces=pieces if left else 1)

    def _time_out(self) -> None:
        self._perform(self.session.time_out())

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Authenticated):
                self._owner.authenticated(self, action.account)
                continue
            if isinstance(action, Acknowledge):
                self._want(action.state)
                self._owner.acknowledged(self, action.state)
            self.send_frame(self.codec.control(action))
            if isinstance(action, Acknowledge):
                self._owner.subscribed_to(self, action.state)
            elif isinstance(action, Failure) and action.ends:
                self.close()

    def _want(self, state: State) -> None:
        channels = ((kind, state.get(channel, ())) for kind, channel in CHANNEL.items())
        self._wanted = {kind: frozenset(symbols) for kind, symbols in channels if symbols}
