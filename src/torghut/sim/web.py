"""Serving a Starlette application on a socket of our own, in the event loop that is already running."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the simulator has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the owner of the process."""
        yield


class WebServer:
    """One HTTP server. Bound at construction, so that its port is known before it serves."""

    def __init__(
        self, app: Starlette, host: str, port: int, *, tls_cert: str | None = None, tls_key: str | None = None
    ) -> None:
        self._socket = socket.create_server((host, port), backlog=128)
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                ssl_certfile=tls_cert,
                ssl_keyfile=tls_key,
                timeout_graceful_shutdown=1,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Serve until `stop`. Connections that come before it is up wait in the socket's backlog."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Finish the requests in flight and close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
