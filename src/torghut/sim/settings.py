"""What a simulator is told at start. The command line fills it; tests build it directly."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

StockFeed = Literal["sip", "iex", "delayed_sip"]

DEFAULT_SYMBOLS: Final = (
    *("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "AMD", "SPY", "QQQ", "IBM", "GE", "F", "BAC"),
    *("EEM", "XLF", "SLV", "MKC", "NVR", "BRK.B"),
    *("BTC/USD", "ETH/USD"),
)

DEFAULT_RATE: Final = 2_000.0


class SimSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One simulator.

    `rate` is the synthetic market's average in messages a second over all symbols; `speed` multiplies the pace of a
    replay and is None for "as fast as the reader takes it". `loop` is None for the feed's own default (a synthetic
    market never ends; a recording is played once). Ports of 0 are chosen by the system.
    """

    ledger_dir: Path
    accounts_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    data_port: int = 0
    control_port: int = 0
    accounts: int = 2
    replay: Path | None = None
    stock_feed: StockFeed = "sip"
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    seed: int = 1
    rate: float = DEFAULT_RATE
    speed: float | None = 1.0
    keep_times: bool = False
    loop: bool = False
    start_at_once: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    connection_limit: int = 1
    symbol_limit: int | None = None
    auth_timeout_s: float = 10.0
    frame_size: int = 20
    queue_messages: int = 200_000
    slow_after_s: float = 10.0
    history_events: int = 2_000_000
    history_minutes: float = 60.0


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running simulator listens, as bases without a path."""

    stream_url: str
    data_url: str
    control_url: str
    ledger_dir: str
    accounts_dir: str
