"""Alpaca's history API over HTTP: parameters in, pages of `History` out, and the failures that were ordered."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from torghut.sim.accounts import Accounts
from torghut.sim.history import History, Page, Query
from torghut.sim.tape import Tape
from torghut.wire.times import NS_PER_S, parse_rfc3339

_MAX_LIMIT = 10_000
_DAY_NS = 24 * 60 * 60 * NS_PER_S


class HistoryFault(msgspec.Struct):
    """Answers with `status` instead of data, for so many requests or until a moment; mutable: it wears off."""

    status: int
    requests: int | None = None
    until_ns: int | None = None

    def applies(self, now_ns: int) -> bool:
        """Whether the request that comes now fails; counts it."""
        if self.until_ns is not None and now_ns >= self.until_ns:
            return False
        if self.requests is None:
            return True
        self.requests -= 1
        return self.requests >= 0


class HistoryApi:
    """The endpoints, their authentication and their faults."""

    def __init__(self, tape: Tape, accounts: Accounts, stock_feed: str, clock: Callable[[], int]) -> None:
        self.fault: HistoryFault | None = None
        self.requests = 0
        self._tape = tape
        self._accounts = accounts
        self._stock_feed = stock_feed
        self._clock = clock

    def app(self) -> Starlette:
        """The web application."""
        return Starlette(
            routes=[
                Route("/v2/stocks/{table:str}", self._stocks),
                Route("/v1beta3/crypto/us/{table:str}", self._crypto),
            ]
        )

    async def _stocks(self, request: Request) -> Response:
        feed = request.query_params.get("feed", self._stock_feed)
        if feed not in (self._stock_feed, "test"):
            return self._refuse(request) or _error(403, "subscription does not permit querying this feed")
        return self._refuse(request) or self._answer(request, self._tape.history(feed))

    async def _crypto(self, request: Request) -> Response:
        # Alpaca serves crypto history without keys; wrong ones are refused all the same.
        anonymous = "APCA-API-KEY-ID" not in request.headers
        return self._refuse(request, anonymous=anonymous) or self._answer(request, self._tape.history("crypto"))

    def _refuse(self, request: Request, *, anonymous: bool = False) -> Response | None:
        self.requests += 1
        now = self._clock()
        if self.fault is not None and self.fault.applies(now):
            return _error(self.fault.status, "too many requests." if self.fault.status == 429 else "ordered to fail")
        key, secret = (request.headers.get(f"APCA-API-{name}", "") for name in ("KEY-ID", "SECRET-KEY"))
        if not anonymous and self._accounts.verify(key, secret, now) is None:
            return _error(403, "forbidden.")
        return None

    def _answer(self, request: Request, history: History) -> Response:
        table = request.path_params["table"]
        if table not in ("trades", "quotes", "bars"):
            return _error(404, "not found")
        try:
            page = history.page(_query(table, request, self._clock()))
        except ValueError as error:
            return _error(400, str(error))
        return Response(_body(table, page), media_type="application/json")


def _query(table: str, request: Request, now_ns: int) -> Query:
    """The request as a value.

    Raises:
        ValueError: a parameter is missing or wrong.
    """
    given = request.query_params
    symbols = tuple(sorted({symbol.strip() for symbol in given.get("symbols", "").split(",") if symbol.strip()}))
    if not symbols:
        raise ValueError("symbols is required")
    if given.get("sort", "asc") != "asc":
        raise ValueError("the simulator sorts ascending only")
    if table == "bars" and given.get("timeframe") not in ("1Min", "1T"):
        raise ValueError(f"invalid timeframe: {given.get('timeframe')} (the simulator has 1Min)")
    limit = int(given.get("limit", "1000"))
    if not 1 <= limit <= _MAX_LIMIT:
        raise ValueError(f"limit must be between 1 and {_MAX_LIMIT}")
    start = _moment(given.get("start"), now_ns - now_ns % _DAY_NS)
    return Query(
        table=table,
        symbols=symbols,
        start=start,
        end=_moment(given.get("end"), now_ns),
        limit=limit,
        token=given.get("page_token"),
    )


def _moment(text: str | None, otherwise: int) -> int:
    """RFC 3339 or a plain date (midnight UTC)."""
    if not text:
        return otherwise
    return parse_rfc3339(f"{text}T00:00:00Z" if len(text) == len("2024-08-08") else text)


def _body(table: str, page: Page) -> bytes:
    rows = b",".join(
        msgspec.json.encode(symbol) + b":[" + b",".join(messages) + b"]" for symbol, messages in page.rows.items()
    )
    return b'{"%b":{%b},"next_page_token":%b}' % (table.encode(), rows, msgspec.json.encode(page.next_token))


def _error(status: int, message: str) -> Response:
    return Response(msgspec.json.encode({"message": message}), status_code=status, media_type="application/json")
