"""The control API: state for people and tests, faults on demand. Loopback only, no authentication."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from torghut.sim.server import Simulator


class ControlApi:
    """Routes of `/control`."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def app(self) -> Starlette:
        """The web application."""
        return Starlette(
            routes=[
                Route("/control/health", self._health),
                Route("/control/state", self._state),
                Route("/control/faults/{name:str}", self._fault, methods=["POST"]),
            ]
        )

    async def _health(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def _state(self, _: Request) -> Response:
        simulator = self._simulator
        return _json({"connections": list(simulator.stream.states()), "counts": dict(simulator.tape.counts)})

    async def _fault(self, request: Request) -> Response:
        for connection in self._simulator.stream.connections():
            connection.reset()
        return _json({"ok": True, "name": request.path_params["name"]})


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
