"""alpaca-py, unchanged but for the URL, works against the simulator: its MessagePack streams and its REST clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.live import CryptoDataStream, StockDataStream
from alpaca.data.models import Bar, Quote, Trade, TradeCancel, TradeCorrection, TradingStatus
from alpaca.data.requests import (
    CryptoTradesRequest,
    StockBarsRequest,
    StockQuotesRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame

from torghut.platform.waiting import wait_until
from torghut.sim.process import SimProcess

T = "2024-01-02T15:00:00.123456789Z"
TRADE = b'{"T":"t","S":"ACME","i":71,"x":"V","p":12.3456,"s":100,"c":["@","I"],"z":"C","t":"%b"}' % T.encode()
CORRECTION = (
    b'{"T":"c","S":"ACME","x":"V","oi":71,"op":12.3456,"os":100,"oc":["@"],"ci":72,"cp":12.5,"cs":90,"cc":["@"],'
    b'"z":"C","t":"%b"}' % T.encode()
)
CANCEL = b'{"T":"x","S":"ACME","i":72,"x":"V","p":12.5,"s":90,"a":"C","z":"C","t":"%b"}' % T.encode()
STATUS = b'{"T":"s","S":"ACME","sc":"H","sm":"Trading Halt","rc":"T12","rm":"News","z":"C","t":"%b"}' % T.encode()
BAR = b'{"T":"b","S":"ACME","o":1.5,"h":2,"l":1,"c":1.75,"v":300,"n":3,"vw":1.6,"t":"2024-01-02T15:00:00Z"}'
YEARS_AGO = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    options = {"symbols": "AAPL,MSFT,BTC/USD", "rate": 300, "history_minutes": 10_000_000}
    with SimProcess(tmp_path_factory.mktemp("sim"), connection_limit=5, **options) as running:
        yield running


class Listening:
    """An alpaca-py stream in a thread of its own; what its handlers got."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.got: list[Any] = []
        self._thread = threading.Thread(target=stream.run, daemon=True)

    async def handler(self, message: Any) -> None:
        self.got.append(message)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.stop()
        self._thread.join(10)

    def wait_for(self, kind: type, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        return wait_until(
            lambda: next((m for m in list(self.got) if isinstance(m, kind) and fits(m)), None), 20, kind.__name__
        )


def stock_stream(sim: SimProcess, **options: Any) -> Listening:
    key, secret = sim.keys()
    return Listening(StockDataStream(key, secret, url_override=f"{sim.endpoints.stream_url}/v2/sip", **options))


def test_stock_stream_decodes_every_kind_of_message(sim: SimProcess) -> None:
    listening = stock_stream(sim)
    stream = listening.stream
    stream.subscribe_trades(listening.handler, "ACME")
    stream.register_trade_corrections(listening.handler)
    stream.register_trade_cancels(listening.handler)
    stream.subscribe_quotes(listening.handler, "AAPL")
    stream.subscribe_bars(listening.handler, "*")
    stream.subscribe_trading_statuses(listening.handler, "ACME")
    with listening:
        sim.control.wait_subscribed()
        sim.control.happen([TRADE, CORRECTION, CANCEL, STATUS, BAR])
        trade = listening.wait_for(Trade)
        assert (trade.symbol, trade.id, trade.price, trade.size, trade.conditions) == (
            "ACME",
            71,
            12.3456,
            100,
            ["@", "I"],
        )
        assert trade.timestamp == datetime(2024, 1, 2, 15, 0, 0, 123456, UTC)
        assert listening.wait_for(TradeCorrection).corrected_price == 12.5
        assert listening.wait_for(TradeCancel).id == 72
        assert listening.wait_for(TradingStatus).status_code == "H"
        assert listening.wait_for(Bar, lambda bar: bar.symbol == "ACME").volume == 300
        assert listening.wait_for(Quote).symbol == "AAPL"


def test_raw_messages_carry_nanoseconds(sim: SimProcess) -> None:
    listening = stock_stream(sim, raw_data=True)
    listening.stream.subscribe_trades(listening.handler, "ACME")
    with listening:
        sim.control.wait_subscribed()
        sim.control.happen([TRADE])
        raw = listening.wait_for(dict)
        assert raw["t"].nanoseconds == 123456789


def test_crypto_stream_works(sim: SimProcess) -> None:
    key, secret = sim.keys()
    listening = Listening(CryptoDataStream(key, secret, url_override=f"{sim.endpoints.stream_url}/v1beta3/crypto/us"))
    listening.stream.subscribe_trades(listening.handler, "BTC/USD")
    listening.stream.subscribe_quotes(listening.handler, "BTC/USD")
    with listening:
        assert listening.wait_for(Trade).symbol == "BTC/USD"
        assert listening.wait_for(Quote).bid_price > 0


def test_a_subscription_while_running_and_its_end_reach_the_server(sim: SimProcess) -> None:
    listening = stock_stream(sim)
    listening.stream.subscribe_trades(listening.handler, "AAPL")
    with listening:
        sim.control.wait_subscribed()
        listening.stream.subscribe_quotes(listening.handler, "MSFT")
        wait_until(lambda: sim.control.state().connections[0].state["quotes"] == ("MSFT",), 10, "the subscription")
        listening.stream.unsubscribe_quotes("MSFT")
        wait_until(lambda: not sim.control.state().connections[0].state["quotes"], 10, "the end of the subscription")


def test_alpaca_py_reconnects_after_a_drop(sim: SimProcess) -> None:
    listening = stock_stream(sim)
    listening.stream.subscribe_trades(listening.handler, "AAPL")
    with listening:
        listening.wait_for(Trade)
        before = sim.control.state().connections[0].conn
        sim.control.drop()
        wait_until(
            lambda: any(c.conn > before and c.state["trades"] for c in sim.control.state().connections), 20, "a new one"
        )


def test_stock_history_is_paged_through(sim: SimProcess) -> None:
    key, secret = sim.keys()
    client: Any = StockHistoricalDataClient(key, secret, url_override=sim.endpoints.data_url)
    wait_until(lambda: sim.control.state().counts.get("sip.trades", 0) > 50, 20, "some trades")
    recent = datetime.now(UTC) - timedelta(minutes=5)
    trades = client.get_stock_trades(StockTradesRequest(symbol_or_symbols=["AAPL", "MSFT"], start=recent)).data
    assert {trade.symbol for trade in trades["AAPL"]} == {"AAPL"}
    assert [t.timestamp for t in trades["MSFT"]] == sorted(t.timestamp for t in trades["MSFT"])
    quotes = client.get_stock_quotes(StockQuotesRequest(symbol_or_symbols="AAPL", start=recent, limit=7)).data
    assert len(quotes["AAPL"]) == 7


def test_stock_bars_are_found(sim: SimProcess) -> None:
    key, secret = sim.keys()
    client: Any = StockHistoricalDataClient(key, secret, url_override=sim.endpoints.data_url)
    sim.control.happen([BAR])
    request = StockBarsRequest(
        symbol_or_symbols="ACME", timeframe=TimeFrame.Minute, start=YEARS_AGO, end=YEARS_AGO + timedelta(days=1)
    )
    assert [bar.vwap for bar in client.get_stock_bars(request).data["ACME"]] == [1.6]


def test_crypto_history_needs_no_keys(sim: SimProcess) -> None:
    client: Any = CryptoHistoricalDataClient(url_override=sim.endpoints.data_url)
    wait_until(lambda: sim.control.state().counts.get("crypto.trades", 0) > 1, 20, "some trades")
    start = datetime.now(UTC) - timedelta(minutes=5)
    assert client.get_crypto_trades(CryptoTradesRequest(symbol_or_symbols="BTC/USD", start=start)).data["BTC/USD"]


def test_wrong_keys_are_403_in_history(sim: SimProcess) -> None:
    client = StockHistoricalDataClient("nobody", "nothing", url_override=sim.endpoints.data_url)
    with pytest.raises(APIError) as refused:
        client.get_stock_trades(StockTradesRequest(symbol_or_symbols="AAPL", start=YEARS_AGO))
    assert refused.value.status_code == 403


def test_a_rate_limit_is_waited_out(sim: SimProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    key, secret = sim.keys()
    client: Any = StockHistoricalDataClient(key, secret, url_override=sim.endpoints.data_url)
    monkeypatch.setattr(client, "_retry_wait", 0)
    sim.control.history_error(429, requests=2)
    before = sim.control.state().history_requests
    client.get_stock_trades(StockTradesRequest(symbol_or_symbols="AAPL", start=YEARS_AGO, limit=1))
    assert sim.control.state().history_requests == before + 3


def test_wrong_keys_are_told_on_the_stream(sim: SimProcess) -> None:
    stream = StockDataStream("nobody", "nothing", url_override=f"{sim.endpoints.stream_url}/v2/sip")
    with pytest.raises(ValueError, match="auth failed"):
        asyncio.run(stream._start_ws())
