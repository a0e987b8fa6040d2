"""The history client: every page once, every moment once, and errors that say what happened without the keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.forwarder.events import T0, S

from torghut.config import AlpacaKeys, AlpacaSettings, ConfigError, load
from torghut.feed.messages import Reject
from torghut.forwarder import history as history_module
from torghut.forwarder.history import History, HistoryError, Past, Slice
from torghut.wire.times import format_rfc3339, parse_rfc3339
from torghut.wire.topics import Channel

KEY, SECRET = "the-key-id", "the-secret-key"
Handler = Callable[[httpx.Request], httpx.Response]


def row(ns: int, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"t": format_rfc3339(ns), "x": "V", "p": 1.5, "s": 10, "i": number, "z": "C", **more}


def page(
    rows: dict[str, list[dict[str, Any]]] | None, token: str | None = None, kind: str = "trades"
) -> httpx.Response:
    return httpx.Response(200, json={kind: rows, "next_page_token": token})


class Server:
    """A history API with one trade a moment for each symbol, or whatever `handler` answers; it keeps the requests."""

    def __init__(self, handler: Handler) -> None:
        self.requests: list[httpx.Request] = []
        self.rejects: list[Reject] = []
        self._handler = handler

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._handler(request)

    def history(self, feed: str = "sip", keys: Callable[[], AlpacaKeys] | None = None) -> History:
        alpaca = load(AlpacaSettings, {"ALPACA_FEED": feed, "ALPACA_DATA_URL": "http://history.test/"})
        pair = load(AlpacaKeys, {"ALPACA_KEY_ID": KEY, "ALPACA_SECRET_KEY": SECRET})
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return History(alpaca, keys or (lambda: pair), client, self.rejects.append)

    def fetch(self, *symbols: str, kinds: tuple[Channel, ...] = (Channel.TRADES,), feed: str = "sip") -> list[Past]:
        return asyncio.run(self.history(feed).fetch(kinds, symbols or ("AAPL",), T0, T0 + S))

    def error(self) -> HistoryError:
        with pytest.raises(HistoryError) as caught:
            self.fetch()
        return caught.value

    def asked(self, name: str) -> list[str | None]:
        return [request.url.params.get(name) for request in self.requests]


async def gather(slices: AsyncIterator[Slice]) -> list[Slice]:
    return [piece async for piece in slices]


def answering(*answers: httpx.Response) -> Server:
    remaining = iter(answers)
    return Server(lambda _: next(remaining))


def test_all_pages_are_read() -> None:
    server = answering(page({"AAPL": [row(T0)]}, "second"), page({"AAPL": [row(T0 + 1, 2)]}))
    assert len(server.fetch()) == 2
    assert server.asked("page_token") == [None, "second"]


def test_events_of_all_symbols_and_kinds_come_in_the_order_of_their_times() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("quotes"):
            quote = {"t": format_rfc3339(T0 + 2), "bp": 1, "bs": 1, "ap": 2, "as": 1}
            return page({"AAPL": [quote]}, kind="quotes")
        return page({"AAPL": [row(T0 + 1), row(T0 + 4)], "MSFT": [row(T0 + 3)]})

    found = Server(handler).fetch("AAPL", "MSFT", kinds=(Channel.TRADES, Channel.QUOTES))
    assert [past.message.event_ts - T0 for past in found] == [1, 2, 3, 4]


def test_a_mark_is_told_and_kept_out_of_the_payload() -> None:
    (past,) = answering(page({"AAPL": [row(T0, u="canceled")]})).fetch()
    assert past.mark == "canceled"
    assert b'"u"' not in past.message.payload


def test_the_end_is_not_included() -> None:
    server = answering(page(None))
    server.fetch()
    assert server.asked("end") == [format_rfc3339(T0 + S - 1)]


@pytest.mark.parametrize(
    ("feed", "path", "named"),
    [
        ("sip", "/v2/stocks/trades", "sip"),
        ("iex", "/v2/stocks/trades", "iex"),
        ("crypto", "/v1beta3/crypto/us/trades", None),
    ],
)
def test_each_feed_has_its_path(feed: str, path: str, named: str | None) -> None:
    server = answering(page(None))
    server.fetch(feed=feed)
    assert server.requests[0].url.path == path
    assert server.asked("feed") == [named]


def test_bars_are_those_of_a_minute() -> None:
    server = answering(page(None, kind="bars"))
    server.fetch(kinds=(Channel.BARS,))
    assert server.asked("timeframe") == ["1Min"]


def test_many_symbols_are_asked_for_in_parts_that_fit_a_url() -> None:
    server = Server(lambda _: page(None))
    names = [f"S{number}" for number in range(250)]
    server.fetch(*names)
    asked = [(text or "").split(",") for text in server.asked("symbols")]
    assert max(map(len, asked)) <= 100
    assert sorted(name for part in asked for name in part) == sorted(names)


def test_a_row_that_is_no_event_is_rejected_and_the_others_go_on() -> None:
    server = answering(page({"AAPL": [row(T0), {"t": "yesterday"}, row(T0 + 1, 2)]}))
    assert len(server.fetch()) == 2
    assert [reject.symbol for reject in server.rejects] == ["AAPL"]


def test_keys_go_in_headers_and_are_read_for_every_request() -> None:
    pairs = iter([("a", "1"), ("b", "2")])

    def keys() -> AlpacaKeys:
        key, secret = next(pairs)
        return load(AlpacaKeys, {"ALPACA_KEY_ID": key, "ALPACA_SECRET_KEY": secret})

    server = answering(page(None, "more"), page(None))
    asyncio.run(server.history(keys=keys).fetch([Channel.TRADES], ["AAPL"], T0, T0 + S))
    sent = [(r.headers["apca-api-key-id"], r.headers["apca-api-secret-key"]) for r in server.requests]
    assert sent == [("a", "1"), ("b", "2")]
    assert SECRET not in str(server.requests[0].url)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_a_refusal_names_its_status_as_http(status: int) -> None:
    error = answering(httpx.Response(status, text="because")).error()
    assert error.status == status
    assert f"http_{status} because" in str(error)


def test_too_many_requests_say_how_long_to_wait() -> None:
    assert answering(httpx.Response(429, headers={"Retry-After": "7"})).error().retry_after_s == 7.0


@pytest.mark.parametrize("value", ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", "", "-1"])
def test_a_wait_that_is_no_number_of_seconds_is_left_to_us(value: str) -> None:
    assert answering(httpx.Response(429, headers={"Retry-After": value})).error().retry_after_s is None


def test_no_answer_is_status_0() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    error = Server(refuse).error()
    assert error.status == 0
    assert "ConnectError" in str(error)


def test_keys_that_are_missing_for_a_moment_are_an_error_of_history() -> None:
    def missing() -> AlpacaKeys:
        raise ConfigError("ALPACA_KEY_ID_FILE=/x: wanted a readable file")

    with pytest.raises(HistoryError, match="ALPACA_KEY_ID_FILE"):
        asyncio.run(answering().history(keys=missing).fetch([Channel.TRADES], ["AAPL"], T0, T0 + S))


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"", b"[]", b'{"trades":[]}', b'{"trades":{"AAPL":'])
def test_an_answer_that_is_no_page_is_an_error_of_history(body: bytes) -> None:
    assert answering(httpx.Response(200, content=body)).error().status == 200


@pytest.mark.parametrize("status", [403, 500])
def test_an_error_never_shows_the_keys(status: int) -> None:
    error = answering(httpx.Response(status, text="no")).error()
    shown = repr(error) + str(error) + repr(error.__cause__)
    assert KEY not in shown
    assert SECRET not in shown


def test_a_server_that_repeats_the_keys_does_not_make_us_show_them() -> None:
    error = answering(httpx.Response(403, text=f"no right for {KEY} with {SECRET}")).error()
    assert KEY not in str(error)
    assert SECRET not in str(error)


def covering(server: Server, end: int) -> list[Slice]:
    return asyncio.run(gather(server.history().slices([Channel.TRADES], ["AAPL"], T0, end)))


def busy(per_second: list[int]) -> Server:
    """A market with so many trades in each second."""
    times = [T0 + second * S + k for second, count in enumerate(per_second) for k in range(count)]

    def handler(request: httpx.Request) -> httpx.Response:
        start, end = (parse_rfc3339(request.url.params[name]) for name in ("start", "end"))
        rows = [row(ns, number) for number, ns in enumerate(times) if start <= ns <= end]
        return httpx.Response(200, content=msgspec.json.encode({"trades": {"AAPL": rows}, "next_page_token": None}))

    return Server(handler)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([0, 1, 5, 30]), min_size=1, max_size=60), st.integers(1, S))
def test_slices_cover_every_moment_once(per_second: list[int], rest: int) -> None:
    end = T0 + (len(per_second) - 1) * S + rest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_module, "_MANY", 40)
        patch.setattr(history_module, "_FEW", 10)
        slices = covering(busy(per_second), end)
    assert [piece.start for piece in slices] == [T0, *(piece.end for piece in slices[:-1])]
    assert slices[-1].end == end
    times = [past.message.event_ts for piece in slices for past in piece.events]
    happened = [T0 + second * S + k for second, count in enumerate(per_second) for k in range(count)]
    assert times == [ns for ns in happened if ns < end]


def test_slices_grow_while_there_is_little_in_them() -> None:
    slices = covering(Server(lambda _: page(None)), T0 + 100 * S)
    assert [(piece.end - piece.start) // S for piece in slices] == [5, 20, 75]


def test_slices_shrink_while_there_is_much_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "_MANY", 10)
    sizes = [piece.end - piece.start for piece in covering(busy([20] * 10), T0 + 10 * S)]
    assert sizes[:2] == [5 * S, 5 * S // 2]
    assert sizes[2] < sizes[1]


def test_what_was_given_before_an_error_is_whole() -> None:
    answers = iter([page({"AAPL": [row(T0)]}), httpx.Response(500)])
    server = Server(lambda _: next(answers))
    seen: list[Slice] = []

    async def read() -> None:
        async for piece in server.history().slices([Channel.TRADES], ["AAPL"], T0, T0 + 60 * S):
            seen.append(piece)  # noqa: PERF401 - it breaks off in the middle

    with pytest.raises(HistoryError):
        asyncio.run(read())
    assert [piece.end for piece in seen] == [T0 + 5 * S]
