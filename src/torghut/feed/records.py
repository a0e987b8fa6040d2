"""What is read of each kind of data message: its time, the values that must be there, and its identity.

These types are for decoding at full speed and are read nowhere else. Keys that are not named here are ignored when
decoding and kept in the payload. Sizes and prices are read as numbers, so that 100, 100.0 and 1e2 are the same.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec

from torghut.wire.topics import Channel

_LOW: Final = 64
_MASK: Final = (1 << _LOW) - 1

Symbol: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class Values(msgspec.Struct, kw_only=True, gc=False):
    """A data message without `T` and `S`."""

    t: str

    def identity(self, ns: int) -> int | None:
        """The contract's identity within (channel, symbol), for an event at `ns`; None where there is none."""
        raise NotImplementedError

    def content(self) -> Hashable:
        """All values but the time: what tells messages without an identity apart."""
        raise NotImplementedError


class Trade(Values, kw_only=True, gc=False):
    """Identity: the id `i` exactly, and a hash that separates ids which collide between reporting facilities."""

    i: int
    p: float
    s: float
    x: str | None = ""
    z: str | None = ""

    def identity(self, ns: int) -> int:  # noqa: D102 - as declared
        return (self.i << _LOW) | (hash((self.x or "", self.z or "", ns, self.p, self.s)) & _MASK)


class Correction(Values, kw_only=True, gc=False):
    """Identity: the original's id exactly, and a hash of exchange, tape and the corrected id."""

    oi: int
    op: float
    os: float
    ci: int
    cp: float
    cs: float
    x: str | None = ""
    z: str | None = ""

    def identity(self, ns: int) -> int:  # noqa: ARG002, D102 - an id says it without the time
        return (self.oi << _LOW) | (hash((self.x or "", self.z or "", self.ci)) & _MASK)


class Cancel(Values, kw_only=True, gc=False):
    """Identity: the trade's id exactly, and a hash of exchange and tape."""

    i: int
    p: float
    s: float
    x: str | None = ""
    z: str | None = ""

    def identity(self, ns: int) -> int:  # noqa: ARG002, D102 - an id says it without the time
        return (self.i << _LOW) | (hash((self.x or "", self.z or "")) & _MASK)


class Quote(Values, kw_only=True, gc=False):
    """No identity: identical quotes within a millisecond are common."""

    bp: float
    bs: float
    ap: float
    as_: float = msgspec.field(name="as")
    bx: str | None = ""
    ax: str | None = ""
    c: list[str] | None = None
    z: str | None = ""

    def identity(self, ns: int) -> None:  # noqa: ARG002, D102 - as declared
        return None

    def content(self) -> Hashable:  # noqa: D102 - as declared
        conditions = tuple(self.c or ())
        return self.bp, self.bs, self.bx or "", self.ap, self.as_, self.ax or "", conditions, self.z or ""


class Bar(Values, kw_only=True, gc=False):
    """Identity: the minute."""

    o: float
    h: float
    l: float  # noqa: E741 - Alpaca's name
    c: float
    v: float
    n: float | None = None
    vw: float | None = None

    def identity(self, ns: int) -> int:  # noqa: D102 - as declared
        return ns


class UpdatedBar(Bar, kw_only=True, gc=False):
    """Identity: the minute exactly, and a hash of the values: a bar can be updated more than once."""

    def identity(self, ns: int) -> int:  # noqa: D102 - as declared
        values = (self.o, self.h, self.l, self.c, self.v, self.n, self.vw)
        return (ns << _LOW) | (hash(values) & _MASK)


class TradingStatus(Values, kw_only=True, gc=False):
    """No identity."""

    sc: str
    sm: str | None = ""
    rc: str | None = ""
    rm: str | None = ""
    z: str | None = ""

    def identity(self, ns: int) -> None:  # noqa: ARG002, D102 - as declared
        return None

    def content(self) -> Hashable:  # noqa: D102 - as declared
        return self.sc, self.sm or "", self.rc or "", self.rm or "", self.z or ""


class Luld(Values, kw_only=True, gc=False):
    """No identity."""

    u: float
    d: float
    i: str | None = ""
    z: str | None = ""

    def identity(self, ns: int) -> None:  # noqa: ARG002, D102 - as declared
        return None

    def content(self) -> Hashable:  # noqa: D102 - as declared
        return self.u, self.d, self.i or "", self.z or ""


class TradeMessage(Trade, tag_field="T", tag="t", kw_only=True, gc=False):
    """A trade of the stream."""

    channel: ClassVar = Channel.TRADES
    S: Symbol


class CorrectionMessage(Correction, tag_field="T", tag="c", kw_only=True, gc=False):
    """A correction of the stream."""

    channel: ClassVar = Channel.CORRECTIONS
    S: Symbol


class CancelMessage(Cancel, tag_field="T", tag="x", kw_only=True, gc=False):
    """A cancel of the stream."""

    channel: ClassVar = Channel.CANCEL_ERRORS
    S: Symbol


class QuoteMessage(Quote, tag_field="T", tag="q", kw_only=True, gc=False):
    """A quote of the stream."""

    channel: ClassVar = Channel.QUOTES
    S: Symbol


class BarMessage(Bar, tag_field="T", tag="b", kw_only=True, gc=False):
    """A minute bar of the stream."""

    channel: ClassVar = Channel.BARS
    S: Symbol


class UpdatedBarMessage(UpdatedBar, tag_field="T", tag="u", kw_only=True, gc=False):
    """An updated bar of the stream."""

    channel: ClassVar = Channel.UPDATED_BARS
    S: Symbol


class TradingStatusMessage(TradingStatus, tag_field="T", tag="s", kw_only=True, gc=False):
    """A trading status of the stream."""

    channel: ClassVar = Channel.STATUSES
    S: Symbol


class LuldMessage(Luld, tag_field="T", tag="l", kw_only=True, gc=False):
    """A LULD band of the stream."""

    channel: ClassVar = Channel.LULDS
    S: Symbol


DataMessage: TypeAlias = (
    TradeMessage
    | CorrectionMessage
    | CancelMessage
    | QuoteMessage
    | BarMessage
    | UpdatedBarMessage
    | TradingStatusMessage
    | LuldMessage
)

VALUES: Final[dict[Channel, type[Values]]] = {
    Channel.TRADES: Trade,
    Channel.CORRECTIONS: Correction,
    Channel.CANCEL_ERRORS: Cancel,
    Channel.QUOTES: Quote,
    Channel.BARS: Bar,
    Channel.UPDATED_BARS: UpdatedBar,
    Channel.STATUSES: TradingStatus,
    Channel.LULDS: Luld,
}
"""What a payload of each channel is read as."""
