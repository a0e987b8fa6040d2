"""The envelope around every market-data record, and the payloads inside.

Payload types describe what Alpaca sends (without `T` and `S`) for schemas and clients. Unknown keys are allowed
everywhere: Alpaca adds fields without notice. The forwarder never builds these types on its hot path; it passes the
received bytes through.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from torghut.wire.topics import Channel

VERSION = 1

Source: TypeAlias = Literal["ws", "rest", "ta"]


class Window(msgspec.Struct, frozen=True):
    """The time span of a bar: `start` inclusive, `end` exclusive, ns since the epoch; `size_ms` in milliseconds."""

    size_ms: int
    start: int
    end: int


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One market-data record. Times are ns since the epoch; `payload` is raw JSON.

    `seq` counts per (channel, symbol): +1 for each record in one session, greater than all earlier ones across
    sessions. `is_final`, `revision`, `window` and `job_version` are set on TA records only.
    """

    version: int
    event_ts: int
    ingest_ts: int
    feed: str
    channel: Channel
    symbol: str
    seq: int
    session: str
    source: Source
    payload: msgspec.Raw
    is_final: bool | None = None
    revision: int | None = None
    window: Window | None = None
    job_version: str | None = None


_decoder = msgspec.json.Decoder(Envelope)
_encoder = msgspec.json.Encoder()


def decode_envelope(value: bytes) -> Envelope:
    """Parse a record's value.

    Raises:
        msgspec.ValidationError: it is not an envelope of version 1's shape.
        msgspec.DecodeError: it is not JSON.
    """
    return _decoder.decode(value)


def encode_envelope(envelope: Envelope) -> bytes:
    """The record's value. Deterministic: the same envelope gives the same bytes."""
    return _encoder.encode(envelope)


class Trade(msgspec.Struct, frozen=True, omit_defaults=True):
    """A trade: id `i`, exchange `x`, price `p`, size `s`, time `t`, conditions `c`, tape `z`; crypto: taker `tks`."""

    i: int
    p: float
    s: float
    t: str
    x: str | None = None
    c: list[str] | None = None
    z: str | None = None
    tks: str | None = None


class Correction(msgspec.Struct, frozen=True, omit_defaults=True):
    """A corrected trade: the original's id, price, size, conditions (`oi op os oc`) and the corrected ones."""

    oi: int
    op: float
    os: float
    ci: int
    cp: float
    cs: float
    t: str
    x: str | None = None
    oc: list[str] | None = None
    cc: list[str] | None = None
    z: str | None = None


class CancelError(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cancelled (`a` = "C") or erroneous (`a` = "E") trade, by its id `i`."""

    i: int
    p: float
    s: float
    t: str
    x: str | None = None
    a: str | None = None
    z: str | None = None


class Quote(msgspec.Struct, frozen=True, omit_defaults=True):
    """Best bid and ask: prices `bp ap`, sizes `bs as`, exchanges `bx ax`, time `t`, conditions `c`, tape `z`."""

    bp: float
    ap: float
    t: str
    bs: float
    as_: float = msgspec.field(name="as")
    bx: str | None = None
    ax: str | None = None
    c: list[str] | None = None
    z: str | None = None


class Bar(msgspec.Struct, frozen=True, omit_defaults=True):
    """Alpaca's minute bar: open, high, low, close, volume, trade count `n`, `vw` the volume-weighted price."""

    o: float
    h: float
    l: float  # noqa: E741 - Alpaca's name
    c: float
    v: float
    t: str
    n: int | None = None
    vw: float | None = None


class TradingStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """A halt or resumption: status code and message `sc sm`, reason code and message `rc rm`, tape `z`."""

    sc: str
    t: str
    sm: str | None = None
    rc: str | None = None
    rm: str | None = None
    z: str | None = None


class Luld(msgspec.Struct, frozen=True, omit_defaults=True):
    """Limit up `u` and limit down `d` price bands, indicator `i`, tape `z`."""

    u: float
    d: float
    t: str
    i: str | None = None
    z: str | None = None


class MicroBar(msgspec.Struct, frozen=True, kw_only=True):
    """A 1-second bar by event time. Prices are null in a second whose prints may not set them."""

    o: float | None
    h: float | None
    l: float | None  # noqa: E741 - the contract's name
    c: float | None
    v: float
    n: int
    vwap: float | None
    first_ts: int | None
    last_ts: int | None


class Macd(msgspec.Struct, frozen=True):
    """MACD 12/26/9 as the difference of two SMA-seeded EMAs."""

    macd: float | None
    signal: float | None
    hist: float | None


class Bollinger(msgspec.Struct, frozen=True):
    """20 closes, 2 population standard deviations."""

    mid: float | None
    upper: float | None
    lower: float | None


class Vwap(msgspec.Struct, frozen=True):
    """Volume-weighted price of the trading session and of the last five minutes."""

    session: float | None
    five_minutes: float | None = msgspec.field(name="5m")


class Ema(msgspec.Struct, frozen=True):
    """Exponential moving averages of the close, seeded with the simple mean of the first N closes."""

    ema12: float | None = msgspec.field(name="12")
    ema26: float | None = msgspec.field(name="26")


class QuoteState(msgspec.Struct, frozen=True):
    """The last quote before the window's end. `imbalance` is (bid_size - ask_size) / (bid_size + ask_size)."""

    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    spread: float | None
    imbalance: float | None
    age_ms: float | None


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """Indicators of one bar. A value that is not defined yet is null, never 0.

    `custom` holds the indicators that others installed, by name; it is left out where there are none.
    """

    close: float | None
    ema: Ema
    macd: Macd
    rsi14: float | None
    bollinger: Bollinger
    vwap: Vwap
    realized_vol_60s: float | None
    quote: QuoteState
    custom: dict[str, float | dict[str, float | None] | None] | msgspec.UnsetType = msgspec.UNSET


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be understood. `raw` is base64; `truncated` says that it is not whole. `ts` in ns."""

    version: int
    ts: int
    source: str
    topic: str | None
    symbol: str | None
    reason: str
    detail: str
    raw: str
    truncated: bool
