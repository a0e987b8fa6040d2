"""A simulator in this process and a plain WebSocket client of it, for tests that need the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from torghut.platform.waiting import wait_until
from torghut.sim.accounts import key_files
from torghut.sim.server import Simulator

DEADLINE_S = 20.0
QUIET = 1e-6


class Client:
    """One JSON connection and what it was told."""

    def __init__(self, socket: ClientConnection, keys: tuple[str, str]) -> None:
        self.socket = socket
        self.keys = keys

    async def send(self, **request: Any) -> None:
        await self.socket.send(msgspec.json.encode(request).decode())

    async def receive(self) -> Any:
        return msgspec.json.decode(await asyncio.wait_for(self.socket.recv(), DEADLINE_S))

    async def authenticate(self) -> Any:
        await self.receive()
        await self.send(action="auth", key=self.keys[0], secret=self.keys[1])
        return (await self.receive())[0]

    async def subscribe(self, **channels: list[str]) -> Any:
        await self.authenticate()
        await self.send(action="subscribe", **channels)
        return (await self.receive())[0]

    async def messages(self, wanted: int) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []
        while len(got) < wanted:
            got += await self.receive()
        return got


class Sim:
    """A simulator whose market is silent unless a test lets something happen."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient, folder: Path) -> None:
        self.simulator = simulator
        self.endpoints = simulator.endpoints
        self._http = http
        self._folder = folder

    def keys(self, account: int = 0) -> tuple[str, str]:
        key_file, secret_file = key_files(self._folder / "accounts", account)
        return key_file.read_text().strip(), secret_file.read_text().strip()

    @asynccontextmanager
    async def client(self, path: str = "/v2/sip", **options: Any) -> AsyncIterator[Client]:
        async with connect(self.endpoints.stream_url + path, max_size=None, **options) as socket:
            yield Client(socket, self.keys())

    async def happen(self, *messages: dict[str, Any]) -> None:
        response = await self._http.post(f"{self.endpoints.control_url}/control/events", json=list(messages))
        assert response.is_success, response.text

    async def fault(self, name: str, **arguments: Any) -> httpx.Response:
        return await self._http.post(f"{self.endpoints.control_url}/control/faults/{name}", json=arguments)

    async def clear(self, name: str) -> httpx.Response:
        return await self._http.delete(f"{self.endpoints.control_url}/control/faults/{name}")

    async def until_noted(self, kind: str, more_than: int = 0) -> None:
        """Wait until the ledger has more than so many lines of this kind."""
        await asyncio.to_thread(wait_until, lambda: len(self.ledger(kind)) > more_than, DEADLINE_S, kind, 0.02)

    async def state(self) -> Any:
        return (await self._http.get(f"{self.endpoints.control_url}/control/state")).json()

    async def history(self, path: str, keys: tuple[str, str] | None = None, **query: Any) -> httpx.Response:
        key, secret = keys or self.keys()
        headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
        return await self._http.get(self.endpoints.data_url + path, params=query, headers=headers)

    def ledger(self, kind: str | None = None) -> list[dict[str, Any]]:
        segments = sorted((self._folder / "ledger").glob("*.ndjson"))
        lines = [msgspec.json.decode(line) for path in segments for line in path.read_bytes().splitlines()]
        return [line for line in lines if kind in (None, line["k"])]
