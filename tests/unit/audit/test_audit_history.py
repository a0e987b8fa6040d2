"""Alpaca's history as the truth."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.unit.audit.world import T0, S, World, quote, trade

from torghut.audit.bucket import Scope
from torghut.audit.compare import compare
from torghut.audit.errors import HistoryError
from torghut.audit.history import HistoryTruth
from torghut.config import AlpacaKeys, AlpacaSettings, load

ENVIRONMENT = {"ALPACA_FEED": "sip", "CHANNELS": "trades,quotes", "ALPACA_KEY_ID": "K", "ALPACA_SECRET_KEY": "planted"}


def told(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in {"T", "S"}}


def truth(answer: Any, *symbols: str, patience_s: float = 0.0) -> HistoryTruth:
    alpaca, keys = load(AlpacaSettings, ENVIRONMENT), load(AlpacaKeys, ENVIRONMENT)
    transport = httpx.MockTransport(answer)
    return HistoryTruth(alpaca, keys, symbols or ("AAPL",), T0, T0 + 60 * S, transport=transport, patience_s=patience_s)


def pages(request: httpx.Request) -> httpx.Response:
    """Two pages of trades, one of quotes."""
    assert request.headers["APCA-API-KEY-ID"] == "K"
    if request.url.path.endswith("quotes"):
        return httpx.Response(200, json={"quotes": {"AAPL": [told(quote(T0))]}, "next_page_token": None})
    if "page_token" not in request.url.params:
        first = told(trade(1, T0)) | {"u": "canceled"}
        return httpx.Response(200, json={"trades": {"AAPL": [first]}, "next_page_token": "next"})
    assert request.url.params["page_token"] == "next"
    return httpx.Response(200, json={"trades": {"AAPL": [told(trade(2, T0 + S))]}, "next_page_token": None})


def test_all_pages_are_the_truth_and_a_missing_trade_is_lost(tmp_path: Any) -> None:
    world = World()
    world.record(trade(1, T0))
    world.record(quote(T0))
    report = compare(truth(pages), world.incoming, Scope(T0, T0 + 60 * S, T0 + 60 * S), tmp_path)
    trades = report.channels["trades"]
    assert (trades.sent, trades.received, trades.lost, trades.wrong) == (2, 1, 1, 0)
    assert report.channels["quotes"].received == 1


def test_channels_that_history_does_not_have_are_not_judged(tmp_path: Any) -> None:
    world = World()
    world.record({"T": "s", "S": "AAPL", "sc": "H", "t": "2025-11-23T12:13:20Z"})
    report = compare(truth(pages), world.incoming, Scope(T0, T0 + 60 * S, T0 + 60 * S), tmp_path)
    assert report.channels["statuses"].unexpected == 0


def test_it_is_told_once() -> None:
    source = truth(pages)
    assert len(list(source.read())) == 3
    assert not list(source.read())


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_refusal_is_an_error_without_secrets_that_says_what_to_check(status: int) -> None:
    with pytest.raises(HistoryError, match=f"HTTP {status}; check ALPACA_DATA_URL") as caught:
        list(truth(lambda _: httpx.Response(status)).read())
    assert "planted" not in str(caught.value)


def test_a_busy_api_is_asked_again() -> None:
    answers = iter([429])

    def busy(request: httpx.Request) -> httpx.Response:
        code = next(answers, None)
        return pages(request) if code is None else httpx.Response(code)

    assert len(list(truth(busy, patience_s=0.01).read())) == 3


def test_history_cannot_be_asked_for_everything() -> None:
    with pytest.raises(HistoryError, match="name the symbols"):
        list(truth(pages, "*").read())
