"""What every answer carries and every request must fulfil: security headers, a known host, reading only, our origin."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_FOR_PROGRAMS: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""A kubelet and a Prometheus come by address, and what these say is no secret: no host is asked for."""
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}


class Guard:
    """ASGI middleware. `hosts` are the names that the console is reached by: another one is a rebound DNS name."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:  # before the handshake: becomes a 403
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        if refusal is not None:
            await PlainTextResponse(f"{refusal[1]}\n", refusal[0])(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if host not in self._hosts and scope["path"] not in _FOR_PROGRAMS:
            return HTTPStatus.MISDIRECTED_REQUEST, f"the console is not reached as {host[:64]!r}: set CONSOLE_HOSTS"
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, "the console only reads: GET and HEAD"
        if scope["type"] == "websocket" and not is_same_origin(HTTPConnection(scope)):
            return HTTPStatus.FORBIDDEN, "this page is of another origin"
        return None


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether the page that opens the WebSocket came from us. Browsers always send an origin; programs need not."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")
