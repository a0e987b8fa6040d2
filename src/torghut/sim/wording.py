"""The synthetic market's messages as text, member by member in Alpaca's order, numbers without needless zeros."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from torghut.sim.listing import PRICE_SCALE, SIZE_SCALE_CRYPTO, Listing
from torghut.sim.minute_bars import Bar
from torghut.wire.times import format_rfc3339


class Printed(msgspec.Struct, frozen=True, gc=False):
    """A stock trade that was printed, as it is told and as a later change of it repeats it."""

    symbol: str
    trade_id: int
    exchange: str
    price: int
    size: int
    conditions: tuple[str, ...]
    t: int


def decimal(value: int, scale: int) -> str:
    """A scaled integer as a JSON number: `decimal(123400, 4)` is `12.34`."""
    whole, fraction = divmod(value, 10**scale)
    return f"{whole}.{fraction:0{scale}d}".rstrip("0") if fraction else str(whole)


def price(value: int) -> str:
    """A price as a JSON number."""
    return decimal(value, PRICE_SCALE)


def size(value: int, listing: Listing) -> str:
    """A size as a JSON number: shares, or coins with decimals."""
    return decimal(value, SIZE_SCALE_CRYPTO) if listing.crypto else str(value)


def trade(listing: Listing, new: Printed) -> bytes:
    """A trade of a stock."""
    return (
        f'{{"T":"t","S":"{listing.symbol}","i":{new.trade_id},"x":"{new.exchange}","p":{price(new.price)},'
        f'"s":{new.size},"c":{_list(new.conditions)},"z":"{listing.tape}","t":"{format_rfc3339(new.t)}"}}'
    ).encode()


def crypto_trade(listing: Listing, trade_id: int, at: int, coins: int, taker: str, t: int) -> bytes:
    """A trade of a crypto pair; `taker` is B or S."""
    return (
        f'{{"T":"t","S":"{listing.symbol}","i":{trade_id},"p":{price(at)},"s":{size(coins, listing)},'
        f'"t":"{format_rfc3339(t)}","tks":"{taker}"}}'
    ).encode()


def quote(listing: Listing, bid: tuple[str, int, int], ask: tuple[str, int, int], t: int) -> bytes:
    """A quote; bid and ask are (exchange, price, size)."""
    (bx, bp, bs), (ax, ap, as_) = bid, ask
    if listing.crypto:
        return (
            f'{{"T":"q","S":"{listing.symbol}","bp":{price(bp)},"bs":{size(bs, listing)},"ap":{price(ap)},'
            f'"as":{size(as_, listing)},"t":"{format_rfc3339(t)}"}}'
        ).encode()
    return (
        f'{{"T":"q","S":"{listing.symbol}","bx":"{bx}","bp":{price(bp)},"bs":{bs},"ax":"{ax}","ap":{price(ap)},'
        f'"as":{as_},"c":["R"],"z":"{listing.tape}","t":"{format_rfc3339(t)}"}}'
    ).encode()


def correction(listing: Listing, was: Printed, corrected_id: int, at: int, t: int) -> bytes:
    """A correction of the price of a trade."""
    conditions = _list(was.conditions)
    return (
        f'{{"T":"c","S":"{listing.symbol}","x":"{was.exchange}","oi":{was.trade_id},"op":{price(was.price)},'
        f'"os":{was.size},"oc":{conditions},"ci":{corrected_id},"cp":{price(at)},"cs":{was.size},"cc":{conditions},'
        f'"z":"{listing.tape}","t":"{format_rfc3339(t)}"}}'
    ).encode()


def cancel(listing: Listing, was: Printed, action: str, t: int) -> bytes:
    """A cancel (`C`) or error (`E`) of a trade."""
    return (
        f'{{"T":"x","S":"{listing.symbol}","i":{was.trade_id},"x":"{was.exchange}","p":{price(was.price)},'
        f'"s":{was.size},"a":"{action}","z":"{listing.tape}","t":"{format_rfc3339(t)}"}}'
    ).encode()


def status(listing: Listing, *, halted: bool, t: int) -> bytes:
    """A volatility halt, or the resumption after it; codes differ between the tapes."""
    if listing.tape == "C":
        code, text, reason, why = (
            ("H", "Trading Halt", "LUDP", "Volatility Trading Pause") if halted else ("T", "Trading Resumption", "", "")
        )
    else:
        code, text, reason, why = (
            ("2", "Trading Halt", "M", "Volatility Trading Pause") if halted else ("3", "Resume", "", "")
        )
    return (
        f'{{"T":"s","S":"{listing.symbol}","sc":"{code}","sm":"{text}","rc":"{reason}","rm":"{why}",'
        f'"z":"{listing.tape}","t":"{format_rfc3339(t)}"}}'
    ).encode()


def luld(listing: Listing, up: int, down: int, t: int) -> bytes:
    """Limit up / limit down price bands."""
    return (
        f'{{"T":"l","S":"{listing.symbol}","u":{price(up)},"d":{price(down)},"i":"B","z":"{listing.tape}",'
        f'"t":"{format_rfc3339(t)}"}}'
    ).encode()


def bar(kind: str, values: Bar, listing: Listing) -> bytes:
    """A minute bar (`b`) or an updated one (`u`)."""
    return (
        f'{{"T":"{kind}","S":"{values.symbol}","o":{price(values.open)},"h":{price(values.high)},'
        f'"l":{price(values.low)},"c":{price(values.close)},"v":{size(values.volume, listing)},"n":{values.count},'
        f'"vw":{price(values.average)},"t":"{format_rfc3339(values.t)}"}}'
    ).encode()


def _list(texts: Sequence[str]) -> str:
    return '["' + '","'.join(texts) + '"]'
