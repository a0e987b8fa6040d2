"""Serving a Starlette application on a socket of our own, in the event loop that is already running."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the owner of the process."""
        yield


class WebServer:
    """One HTTP server. Bound at construction, so that its port is known before it serves.

    `options` go to uvicorn's `Config` as they are.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        **options: Any,  # noqa: ANN401 - uvicorn's types
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
                **options,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def socket(self) -> socket.socket:
        """The listening socket, for options that accepted connections inherit."""
        return self._socket

    def start(self) -> None:
        """Serve until `stop`. Connections that come before it is up wait in the socket's backlog."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Finish the requests in flight and close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
