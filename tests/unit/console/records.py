"""TA records as the job writes them, with few words."""

from __future__ import annotations

import msgspec

from torghut.wire.envelope import Bollinger, Ema, Envelope, Macd, MicroBar, QuoteState, Signal, Vwap, Window
from torghut.wire.topics import Channel

NS = 1_000_000_000
T0 = 1_795_000_000


def bar(second: int, close: float, *, revision: int | None = 0, symbol: str = "AAPL", volume: float = 100) -> Envelope:
    """A bar; `revision` None is provisional."""
    payload = MicroBar(
        o=close, h=close + 1, l=close - 1, c=close, v=volume, n=1, vwap=close, first_ts=second * NS, last_ts=second * NS
    )
    return _envelope(Channel.TA_BARS, second, payload, revision, symbol)


def signal(second: int, close: float, *, revision: int | None = 0, symbol: str = "AAPL") -> Envelope:
    """The signal of a bar, all values derived from `close`."""
    payload = Signal(
        close=close,
        ema=Ema(close, None),
        macd=Macd(macd=None, signal=None, hist=None),
        rsi14=50.0,
        bollinger=Bollinger(close, close + 2, close - 2),
        vwap=Vwap(close, close),
        realized_vol_60s=None,
        quote=QuoteState(bid=close, ask=close + 1, bid_size=1, ask_size=1, spread=1.0, imbalance=0.0, age_ms=3.0),
    )
    return _envelope(Channel.TA_SIGNALS, second, payload, revision, symbol)


def _envelope(channel: Channel, second: int, payload: msgspec.Struct, revision: int | None, symbol: str) -> Envelope:
    return Envelope(
        version=1,
        event_ts=(second + 1) * NS,
        ingest_ts=(second + 1) * NS,
        feed="sim",
        channel=channel,
        symbol=symbol,
        seq=second,
        session="job",
        source="ta",
        payload=msgspec.Raw(msgspec.json.encode(payload)),
        is_final=revision is not None,
        revision=revision,
        window=Window(1000, second * NS, (second + 1) * NS),
        job_version="1",
    )
