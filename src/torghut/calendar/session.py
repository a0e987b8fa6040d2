"""What a calendar answers with."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Protocol

import msgspec


class Kind(StrEnum):
    """What kind of trading goes on."""

    PRE = "pre"
    REGULAR = "regular"
    POST = "post"
    CLOSED = "closed"
    CRYPTO = "crypto"


class TradingSession(msgspec.Struct, frozen=True):
    """A span of one kind of trading: `start` inclusive, `end` exclusive, ns since the epoch.

    `known` is false where the exchange's holidays are not known (yet): then every weekday counts as a full day.
    """

    kind: Kind
    start: int
    end: int
    known: bool

    @property
    def is_open(self) -> bool:
        """Whether anything trades."""
        return self.kind is not Kind.CLOSED


class Calendar(Protocol):
    """When a market trades. Times are ns since the epoch; dates are the exchange's."""

    def session_at(self, ns: int) -> TradingSession:
        """The session, or the closed span, that contains the time."""

    def next_change(self, ns: int) -> int:
        """When the session that contains the time ends: the first ns of the next one."""

    def is_trading_day(self, day: date) -> bool:
        """Whether anything trades on that date."""

    def exchange_date(self, ns: int) -> date:
        """The date where the exchange is."""
