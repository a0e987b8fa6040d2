"""The control API: state for people and tests, faults and events on demand. Loopback only, no authentication.

Every answer is given after the ledger was flushed, so that who asked finds in it what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from torghut.sim import SimError
from torghut.sim.events import parse_event
from torghut.sim.faults import parse_fault
from torghut.sim.feeds import Pace
from torghut.sim.sabotage import Sabotage
from torghut.sim.settings import Endpoints
from torghut.sim.stream import ConnectionState
from torghut.sim.tape import Tape


class SimState(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /control/state`. `counts` are events that happened, by `feed.channel`; `rate` is messages a second now.

    `pauses`: from when to when (ns) the market was held since this simulator started.
    """

    connections: list[ConnectionState]
    counts: dict[str, int]
    rate: float
    paused: bool
    pauses: tuple[tuple[int, int], ...]
    started: bool
    finished: bool
    faults: dict[str, Any]
    history_requests: int
    ledger_dir: str


class Pause(msgspec.Struct, frozen=True):
    """`POST /control/pause`: for no longer than `for_s` seconds, or until somebody lets go; see `feeds.Pace`."""

    for_s: float | None = None
    trickle: bool = False


class ControlApi:
    """Routes of `/control`."""

    def __init__(
        self,
        state: Callable[[], SimState],
        endpoints: Callable[[], Endpoints],
        sabotage: Sabotage,
        tape: Tape,
        pace: Pace,
        stock_feed: str,
    ) -> None:
        self._get_state = state
        self._get_endpoints = endpoints
        self._sabotage = sabotage
        self._tape = tape
        self._pace = pace
        self._stock_feed = stock_feed

    def app(self) -> Starlette:
        """The web application."""
        return Starlette(
            routes=[
                Route("/control/health", self._health),
                Route("/control/state", self._state),
                Route("/control/endpoints", self._endpoints),
                Route("/control/faults/{name:str}", self._order, methods=["POST"]),
                Route("/control/faults/{name:str}", self._clear, methods=["DELETE"]),
                Route("/control/events", self._events, methods=["POST"]),
                Route("/control/pause", self._pause, methods=["POST"]),
                Route("/control/resume", self._resume, methods=["POST"]),
            ],
            exception_handlers={ValueError: _wrong, SimError: _wrong},
        )

    async def _health(self, _: Request) -> Response:
        return self._json({"status": "ok"})

    async def _state(self, _: Request) -> Response:
        return self._json(self._get_state())

    async def _endpoints(self, _: Request) -> Response:
        return self._json(self._get_endpoints())

    async def _order(self, request: Request) -> Response:
        body = await request.body()
        self._sabotage.order(parse_fault(request.path_params["name"], msgspec.json.decode(body or b"{}", type=dict)))
        return self._json({"ok": True})

    async def _clear(self, request: Request) -> Response:
        self._sabotage.clear(request.path_params["name"])
        return self._json({"ok": True})

    async def _events(self, request: Request) -> Response:
        messages = msgspec.json.decode(await request.body(), type=list[msgspec.Raw])
        events = [parse_event(bytes(message), self._stock_feed) for message in messages]
        self._tape.happen(events)
        return self._json({"ok": True, "happened": len(events)})

    async def _pause(self, request: Request) -> Response:
        order = msgspec.json.decode(await request.body() or b"{}", type=Pause)
        self._pace.pause(order.for_s, trickle=order.trickle)
        return self._json({"ok": True})

    async def _resume(self, _: Request) -> Response:
        self._pace.resume()
        return self._json({"ok": True})

    def _json(self, body: object) -> Response:
        self._tape.ledger.flush(self._tape.clock())
        return Response(msgspec.json.encode(body), media_type="application/json")


async def _wrong(_: Request, error: Exception) -> Response:
    return Response(msgspec.json.encode({"error": str(error)}), status_code=400, media_type="application/json")
