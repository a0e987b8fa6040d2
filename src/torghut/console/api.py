"""The routes: the page's files, what is asked once by HTTP, and the socket for what moves. GET only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from torghut.console.errors import BadRequestError
from torghut.console.guard import LOOPBACK_HOSTS, Guard
from torghut.console.live import Lounge
from torghut.console.metrics import ConsoleMetrics
from torghut.console.observer import Observer
from torghut.console.procedures import Procedures
from torghut.console.symbols import matching, parse_symbol

PAGE: Final = Path(__file__).with_name("page")
CHART_FILE: Final = "lightweight-charts.mjs"


class SymbolRows(msgspec.Struct, frozen=True):
    """The last hour of a symbol; `reason` says why there is nothing, if so."""

    symbol: str
    epoch: str
    cursor: int
    rows: list[msgspec.Raw]
    reason: str | None


class Api:
    """The web application. `chart` is the chart library's file; None when it is not installed."""

    def __init__(
        self,
        observer: Observer,
        procedures: Procedures,
        lounge: Lounge,
        metrics: ConsoleMetrics,
        chart: Path | None,
    ) -> None:
        self._observer = observer
        self._procedures = procedures
        self._lounge = lounge
        self._metrics = metrics
        self._chart = chart

    def app(self, hosts: Collection[str] = ()) -> Starlette:
        """The application, reached as loopback or by one of `hosts`."""
        return Starlette(
            routes=[
                Route("/", _file("index.html")),
                Route("/procedures", _file("procedures.html")),
                Route("/livez", self._livez),
                Route("/readyz", self._readyz),
                Route("/metrics", self._metrics_text),
                Route("/api/symbols", self._symbols),
                Route("/api/rows", self._rows),
                Route("/api/procedures", self._list_procedures),
                Route("/api/runs/{target}/{run}", self._run),
                Route("/api/journal/{target}", self._journal),
                Route(f"/vendor/{CHART_FILE}", self._chart_file),
                WebSocketRoute("/api/live", self._lounge.welcome),
                Mount("/page", StaticFiles(directory=PAGE)),
            ],
            middleware=[Middleware(Guard, hosts=LOOPBACK_HOSTS | set(hosts))],
            exception_handlers={BadRequestError: _refuse},
        )

    async def _livez(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, _: Request) -> Response:
        """Ready when the last hour has been read and Kafka answers; what the page shows is then true."""
        state = self._observer.reader()
        ready = state.live and state.problem is None
        reason = state.problem or ("ok" if ready else "reading the last hour")
        return _json({"ready": ready, "reason": reason}, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _metrics_text(self, _: Request) -> Response:
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def _symbols(self, request: Request) -> Response:
        query = request.query_params.get("q", "")
        if query:
            parse_symbol(query)
        return _json({"symbols": matching(self._observer.board.symbols(), query)})

    async def _rows(self, request: Request) -> Response:
        symbol = parse_symbol(request.query_params.get("symbol", ""))
        board = self._observer.board
        series = board.series(symbol)
        rows = [msgspec.Raw(row) for row in series.since(0)] if series else []
        reason = None if rows else f"no bar of {symbol} in the last hour"
        return _json(SymbolRows(symbol, board.epoch, board.cursor, rows, reason))

    async def _list_procedures(self, _: Request) -> Response:
        return _json(await asyncio.to_thread(self._procedures.overview))

    async def _run(self, request: Request) -> Response:
        target, run = request.path_params["target"], request.path_params["run"]
        return _json(await asyncio.to_thread(self._procedures.run, target, run))

    async def _journal(self, request: Request) -> Response:
        return _json(await asyncio.to_thread(self._procedures.verify, request.path_params["target"]))

    async def _chart_file(self, _: Request) -> Response:
        if self._chart is None:
            return PlainTextResponse("the chart library is not installed: run `torghut setup`\n", HTTPStatus.NOT_FOUND)
        return FileResponse(self._chart, media_type="text/javascript")


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return FileResponse(PAGE / name)

    return answer


def _json(body: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def _refuse(_: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
