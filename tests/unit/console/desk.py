"""The console's web server without Kafka: what is on the board is put there by the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from torghut.config import load
from torghut.console.api import Api
from torghut.console.board import Board
from torghut.console.events import EventLog
from torghut.console.live import Lounge
from torghut.console.metrics import ConsoleMetrics
from torghut.console.observer import Observer
from torghut.console.procedures import Procedures
from torghut.console.reading import ReaderState
from torghut.console.serve import listen
from torghut.console.settings import ConsoleSettings
from torghut.console.states import States
from torghut.console.watcher import Watcher
from torghut.platform.web import WebServer
from torghut.stack.home import Home
from torghut.wire.envelope import Envelope


class Desk:
    """A board, and the server that shows it at `address` (host and port)."""

    def __init__(self, home: Path, acknowledge_s: float = 5.0) -> None:
        self.board, self.events = Board("epoch"), EventLog()
        observer = Observer(Home(home), self.board, self.events)
        observer.reader = lambda: ReaderState(live=True)
        procedures = Procedures(Home(home))
        self.metrics = ConsoleMetrics(observer.observed, lambda: self.board.rows, procedures.newest)
        states = States(observer, procedures)
        lounge = Lounge(lambda: Watcher(self.board, self.events, states.newest), self.metrics, acknowledge_s)
        self._api = Api(observer, procedures, lounge, self.metrics, None)
        self._loop = asyncio.new_event_loop()
        self.address = ""

    def take(self, *envelopes: Envelope) -> None:
        """Put records on the board, on the server's own thread."""

        async def put() -> None:
            for envelope in envelopes:
                self.board.take(envelope)

        asyncio.run_coroutine_threadsafe(put(), self._loop).result(5)

    @contextmanager
    def serving(self) -> Iterator[Desk]:
        """The server runs inside the block."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)
        self.address = f"127.0.0.1:{server.port}"
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(5)
            self._loop.close()

    async def _start(self) -> WebServer:
        server = listen(load(ConsoleSettings, {"CONSOLE_PORT": "0"}), self._api)
        server.start()
        return server

    def browser(self, origin: str | None = None) -> ClientConnection:
        """A WebSocket as a page opens it."""
        address = self.address
        return connect(f"ws://{address}/api/live", origin=Origin(origin or f"http://{address}"), proxy=None)


def told(socket: ClientConnection) -> dict[str, Any]:
    """The next update, acknowledged."""
    update: dict[str, Any] = msgspec.json.decode(socket.recv(10))
    socket.send('{"type":"seen"}')
    return update
