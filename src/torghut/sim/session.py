"""The server's side of one Alpaca connection, without I/O: what is answered to whom, and what changes.

A `Session` takes requests and returns actions for the shell to carry out. Who holds which keys and how many
connections an account may have are asked of a `Gate`. Codes and order: Alpaca's market data stream documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final, Protocol, TypeAlias

import msgspec

STOCK_CHANNELS: Final = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")
STOCK_DERIVED: Final = ("corrections", "cancelErrors")
"""Follow the trades subscription by themselves; a client never asks for them."""
CRYPTO_CHANNELS: Final = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "orderbooks")

State: TypeAlias = Mapping[str, tuple[str, ...]]
"""Channel to symbols, by Alpaca's names; `*` is every symbol."""


class Code(IntEnum):
    """Alpaca's stream error codes."""

    INVALID_SYNTAX = 400
    NOT_AUTHENTICATED = 401
    AUTH_FAILED = 402
    ALREADY_AUTHENTICATED = 403
    AUTH_TIMEOUT = 404
    SYMBOL_LIMIT = 405
    CONNECTION_LIMIT = 406
    SLOW_CLIENT = 407
    INSUFFICIENT_SUBSCRIPTION = 409
    INVALID_ACTION = 410
    INTERNAL = 500


MESSAGE: Final[dict[Code, str]] = {
    Code.INVALID_SYNTAX: "invalid syntax",
    Code.NOT_AUTHENTICATED: "not authenticated",
    Code.AUTH_FAILED: "auth failed",
    Code.ALREADY_AUTHENTICATED: "already authenticated",
    Code.AUTH_TIMEOUT: "auth timeout",
    Code.SYMBOL_LIMIT: "symbol limit exceeded",
    Code.CONNECTION_LIMIT: "connection limit exceeded",
    Code.SLOW_CLIENT: "slow client",
    Code.INSUFFICIENT_SUBSCRIPTION: "insufficient subscription",
    Code.INVALID_ACTION: "invalid subscribe action for this feed",
    Code.INTERNAL: "internal error",
}
ENDS_CONNECTION: Final = frozenset({402, 404, 406, 407, 409, 500})
"""After these the server closes; after the others the connection lives on."""


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """What a client may send. Decoding is strict in types; unknown members are ignored, as Alpaca does."""

    action: str
    key: str = ""
    secret: str = ""
    trades: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()
    updated_bars: tuple[str, ...] = ()
    daily_bars: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    lulds: tuple[str, ...] = ()
    orderbooks: tuple[str, ...] = ()
    news: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    cancel_errors: tuple[str, ...] = ()

    def channels(self) -> dict[str, tuple[str, ...]]:
        """The channels that are named with at least one symbol, by Alpaca's names."""
        named = {
            "trades": self.trades,
            "quotes": self.quotes,
            "bars": self.bars,
            "updatedBars": self.updated_bars,
            "dailyBars": self.daily_bars,
            "statuses": self.statuses,
            "lulds": self.lulds,
            "orderbooks": self.orderbooks,
            "news": self.news,
            "corrections": self.corrections,
            "cancelErrors": self.cancel_errors,
        }
        return {channel: symbols for channel, symbols in named.items() if symbols}


class Success(msgspec.Struct, frozen=True):
    """Say `success` with this text."""

    text: str


class Failure(msgspec.Struct, frozen=True):
    """Say `error` with this code; close afterwards when the code is final."""

    code: int
    text: str

    @property
    def ends(self) -> bool:
        """Whether the server closes the connection behind it."""
        return self.code in ENDS_CONNECTION


class Authenticated(msgspec.Struct, frozen=True):
    """From now on the connection belongs to this account."""

    account: int


class Acknowledge(msgspec.Struct, frozen=True):
    """Say `subscription` with the whole state, which also is what is delivered from now on."""

    state: State


Action: TypeAlias = Success | Failure | Authenticated | Acknowledge


class Gate(Protocol):
    """Who may come in."""

    def verify(self, key: str, secret: str) -> int | None:
        """The account that holds this pair, None when nobody does."""

    def refuse(self, account: int, feed: str) -> Code | None:
        """Why this account may not have (another) connection to the feed; None when it may."""


def failure(code: Code) -> Failure:
    """The error message of a code, in Alpaca's words."""
    return Failure(int(code), MESSAGE[code])


class Session:
    """One connection to one feed, from the welcome to the subscription."""

    def __init__(
        self, feed: str, gate: Gate, symbol_limit: int | None = None, grant: Callable[[State], State] | None = None
    ) -> None:
        """`grant` may shrink an asked-for state, which is how partial acknowledgements are made."""
        self.feed = feed
        self.account: int | None = None
        self._gate = gate
        self._symbol_limit = symbol_limit
        self._grant = grant
        self._channels = CRYPTO_CHANNELS if feed == "crypto" else STOCK_CHANNELS
        self._symbols: dict[str, dict[str, None]] = {channel: {} for channel in self._channels}

    def open(self, key: str = "", secret: str = "") -> list[Action]:
        """The welcome; keys from the request's headers authenticate at once."""
        welcome: list[Action] = [Success("connected")]
        return welcome + self._authenticate(key, secret) if key or secret else welcome

    def receive(self, request: Request | None) -> list[Action]:
        """Answer a request; None is one that could not be understood."""
        if request is None:
            return [failure(Code.INVALID_SYNTAX)]
        if request.action == "auth":
            return self._authenticate(request.key, request.secret)
        if request.action not in ("subscribe", "unsubscribe"):
            return [failure(Code.INVALID_SYNTAX)]
        if self.account is None:
            return [failure(Code.NOT_AUTHENTICATED)]
        return self._subscribe(request.channels(), add=request.action == "subscribe")

    def time_out(self) -> list[Action]:
        """The time to authenticate is over."""
        return [failure(Code.AUTH_TIMEOUT)] if self.account is None else []

    def state(self) -> State:
        """The whole subscription, with the channels that follow from it."""
        state = {channel: tuple(symbols) for channel, symbols in self._symbols.items()}
        if self.feed != "crypto":
            state |= dict.fromkeys(STOCK_DERIVED, state["trades"])
        return state

    def _authenticate(self, key: str, secret: str) -> list[Action]:
        if self.account is not None:
            return [failure(Code.ALREADY_AUTHENTICATED)]
        account = self._gate.verify(key, secret)
        if account is None:
            return [failure(Code.AUTH_FAILED)]
        refusal = self._gate.refuse(account, self.feed)
        if refusal is not None:
            return [failure(refusal)]
        self.account = account
        return [Authenticated(account), Success("authenticated")]

    def _subscribe(self, asked: dict[str, tuple[str, ...]], *, add: bool) -> list[Action]:
        if any(channel not in self._channels for channel in asked):
            return [failure(Code.INVALID_ACTION)]
        wanted = {channel: dict(symbols) for channel, symbols in self._symbols.items()}
        granted = self._grant(asked) if self._grant is not None and add else asked
        for channel, symbols in granted.items():
            for symbol in symbols:
                if add:
                    wanted[channel][symbol] = None
                else:
                    wanted[channel].pop(symbol, None)
        if add and self._exceeds_limit(wanted):
            return [failure(Code.SYMBOL_LIMIT)]
        self._symbols = wanted
        return [Acknowledge(self.state())]

    def _exceeds_limit(self, wanted: dict[str, dict[str, None]]) -> bool:
        """Alpaca limits the symbols of trades and quotes; `*` is more than any limit."""
        if self._symbol_limit is None:
            return False
        counted = [wanted["trades"], wanted["quotes"]]
        return any("*" in symbols or len(symbols) > self._symbol_limit for symbols in counted)
