"""`/livez`, `/readyz` and `/metrics` over HTTP, answered by threads of their own.

A separate thread on purpose: an answer that depends on the event loop could not tell that the loop is stuck.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

Answer = tuple[HTTPStatus, str, bytes]
Route = Callable[[], Answer]

JSON: Final = "application/json"


class HealthServerError(Exception):
    """A port could not be opened."""


class Endpoint(NamedTuple):
    """What one port serves: the variable that names the port, the port (0: any), and the answers by path."""

    variable: str
    port: int
    routes: dict[str, Route]


class HealthServer:
    """Serves endpoints until closed."""

    def __init__(self, endpoints: list[Endpoint], host: str) -> None:
        """Open the ports.

        Raises:
            HealthServerError: a port is taken.
        """
        self._servers = [self._open(host, endpoint) for endpoint in endpoints]
        self.ports: list[int] = [server.server_address[1] for server in self._servers]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, name="health", daemon=True).start()

    @staticmethod
    def _open(host: str, endpoint: Endpoint) -> ThreadingHTTPServer:
        try:
            return ThreadingHTTPServer((host, endpoint.port), _handler(endpoint.routes))
        except OSError as error:
            raise HealthServerError(
                f"{endpoint.variable}={endpoint.port}: wanted a free TCP port, but {error.strerror}; choose another"
            ) from error

    def close(self) -> None:
        """Stop serving."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


def _handler(routes: dict[str, Route]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # a client that says nothing does not keep a thread

        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            if route is None:
                answer: Answer = (HTTPStatus.NOT_FOUND, "text/plain", f"try {' '.join(routes)}\n".encode())
            else:
                answer = route()
            status, kind, body = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's signature
            """Probes every few seconds are not worth a log line."""

    return Handler
