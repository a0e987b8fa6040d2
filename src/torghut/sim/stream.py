"""The WebSocket server: which connections there are, what they may have, and what reaches them.

It answers a `Session`'s questions (the gate), spreads events over the connections and cuts slow readers off. One
connection's bytes are `connection`'s matter.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final

import msgspec
from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from torghut.sim.accounts import Accounts
from torghut.sim.admission import Admission
from torghut.sim.codec import JSON, MSGPACK
from torghut.sim.connection import Connection
from torghut.sim.delivery import Delivery
from torghut.sim.events import Event
from torghut.sim.ledger import Ledger
from torghut.sim.session import Code, Session, State
from torghut.sim.settings import SimSettings

_CRYPTO_PATH: Final = "/v1beta3/crypto/us"
_STOCK_FEEDS: Final = ("sip", "iex", "delayed_sip", "test")
_WATCH_INTERVAL_S: Final = 0.25
_RELEASE_INTERVAL_S: Final = 0.005
_IDLE_INTERVAL_S: Final = 0.05


def feed_at(path: str) -> str | None:
    """The feed that is served at a path of the stream, None for no feed at all."""
    path = path.partition("?")[0].rstrip("/")
    if path == _CRYPTO_PATH:
        return "crypto"
    version, _, feed = path.lstrip("/").partition("/")
    return feed if version == "v2" and feed in _STOCK_FEEDS else None


class ConnectionState(msgspec.Struct, frozen=True, kw_only=True):
    """One connection, as `GET /control/state` shows it."""

    conn: int
    feed: str
    account: int | None
    codec: str
    state: State
    queued: int
    sent: int
    half_open: bool


class StreamServer:
    """All connections of one simulator."""

    def __init__(self, settings: SimSettings, accounts: Accounts, ledger: Ledger, clock: Callable[[], int]) -> None:
        self.settings = settings
        self.admission = Admission(settings.connection_limit)
        self.ledger = ledger
        self.clock = clock
        self.back_pressure = settings.speed is None
        self.subscribed = asyncio.Event()
        self.test_feed_wanted = asyncio.Event()
        self.refuse_until_ns = 0
        self.partial_ack: frozenset[str] = frozenset()
        self.on_acknowledged: list[Callable[[Connection], None]] = []
        self._accounts = accounts
        self.delivery = Delivery(settings.seed)
        self._connections: dict[int, Connection] = {}
        self._half_open: list[Connection] = []
        self._numbers = count(1)
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None) -> int:
        """Listen; returns the port."""
        self._server = await ws_create_server(
            self._accept, self.settings.host, self.settings.port, ssl=tls, use_aiofastnet=False
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        for connection in [*self.connections(), *self._half_open]:
            connection.reset()

    async def watch(self) -> None:
        """For ever: tell slow readers 407, unless back-pressure waits for them."""
        slow_ns = int(self.settings.slow_after_s * 1e9)
        while True:
            await asyncio.sleep(_WATCH_INTERVAL_S)
            if not self.back_pressure:
                for connection in self.connections():
                    connection.cut_if_slow(slow_ns, self.settings.queue_messages)

    async def writable(self) -> None:
        """Wait until every connection that reads at all takes more."""
        for connection in self.connections():
            await connection.writable()

    def connections(self) -> list[Connection]:
        """The connections that are open now."""
        return list(self._connections.values())

    def states(self) -> Iterator[ConnectionState]:
        """The connections for people and tests."""
        for connection in self.connections():
            yield ConnectionState(
                conn=connection.number,
                feed=connection.session.feed,
                account=connection.session.account,
                codec="json" if connection.codec.text else "msgpack",
                state=connection.session.state(),
                queued=connection.queued,
                sent=connection.sent,
                half_open=connection.half_open,
            )

    def deliver(self, events: Sequence[Event]) -> None:
        """Send to everyone what they subscribed to, as far and as soon as the faults let it through."""
        self._spread(self.delivery.pass_on(self.clock(), events))

    async def release(self) -> None:
        """For ever: send what delivery held back, when its time comes."""
        while True:
            await asyncio.sleep(_RELEASE_INTERVAL_S if self.delivery.waiting else _IDLE_INTERVAL_S)
            self._spread(self.delivery.due(self.clock()))

    def abandon(self, connection: Connection) -> None:
        """Leave a connection half open: it is owed nothing more and ends when the client ends it."""
        connection.go_half_open()
        self.closed(connection)
        self._half_open.append(connection)

    def _spread(self, events: Sequence[Event]) -> None:
        if events:
            for connection in list(self._connections.values()):
                connection.deliver(events)

    # What a connection's session asks (its `Gate`), and what a connection tells.

    def verify(self, key: str, secret: str) -> int | None:
        """See `Gate`."""
        return self._accounts.verify(key, secret, self.clock())

    def refuse(self, account: int, feed: str) -> Code | None:
        """See `Gate`."""
        if feed not in (self.settings.stock_feed, "crypto", "test"):
            return Code.INSUFFICIENT_SUBSCRIPTION
        return None if self.admission.admits(account, feed, self.clock()) else Code.CONNECTION_LIMIT

    def opened(self, connection: Connection) -> None:
        """A connection is up, not yet authenticated."""
        self._connections[connection.number] = connection
        self._note("open", connection)
        if connection.session.feed == "test":
            self.test_feed_wanted.set()

    def authenticated(self, connection: Connection, account: int) -> None:
        """A connection belongs to an account now and counts against its limit."""
        self.admission.enter(connection.number, account, connection.session.feed)
        self._note("auth", connection)

    def acknowledged(self, connection: Connection, state: State) -> None:
        """An acknowledgement goes out: from now on the connection is owed these channels."""
        self._note("ack", connection, state=state)

    def subscribed_to(self, connection: Connection, state: State) -> None:
        """The acknowledgement is on its way."""
        if any(state.values()):
            self.subscribed.set()
            for listener in self.on_acknowledged:
                listener(connection)

    def closed(self, connection: Connection) -> None:
        """A connection is gone; harmless when it was so before."""
        if self._connections.pop(connection.number, None) is not None:
            self.admission.leave(connection.number, self.clock())
            self._note("close", connection)

    def _note(self, kind: str, connection: Connection, **fields: State) -> None:
        now = self.clock()
        session = connection.session
        self.ledger.note(kind, now, conn=connection.number, account=session.account, feed=session.feed, **fields)
        self.ledger.flush(now)

    def _accept(self, request: WSUpgradeRequest) -> Connection | WSUpgradeResponseWithListener:
        feed = feed_at(request.path.decode("latin-1"))
        if self.clock() < self.refuse_until_ns:
            return _refusal(503, b"temporarily unavailable")
        if feed is None:
            return _refusal(404, b"no such feed")
        session = Session(feed, self, self.settings.symbol_limit, self._grant)
        binary = request.headers.get("Content-Type", "") == "application/msgpack"
        keys = (request.headers.get("APCA-API-KEY-ID", ""), request.headers.get("APCA-API-SECRET-KEY", ""))
        return Connection(next(self._numbers), session, MSGPACK if binary else JSON, self, keys)

    def _grant(self, asked: State) -> State:
        """What is granted of a request: everything, but for the symbols that a fault holds back."""
        return {channel: tuple(s for s in symbols if s not in self.partial_ack) for channel, symbols in asked.items()}


def _refusal(status: int, body: bytes) -> WSUpgradeResponseWithListener:
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(status, body), None)
