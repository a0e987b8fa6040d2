"""What the history API knows: trades, quotes and bars of the recent past, with the marks of later changes.

Pure: events go in, pages come out. Messages stay textually as they were sent, without `T` and `S`. Memory is
bounded by number and age of events; what is older is gone and answered as empty.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from torghut.sim.events import Event, Kind, fields_of, with_fields

_TABLE: Final[dict[str, str]] = {
    Kind.TRADE: "trades",
    Kind.QUOTE: "quotes",
    Kind.BAR: "bars",
    Kind.UPDATED_BAR: "bars",
}
_TRIM_EVERY: Final = 4096


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One request: `start` and `end` inclusive, ns; `symbols` sorted; `token` as the page before gave it."""

    table: str
    symbols: tuple[str, ...]
    start: int
    end: int
    limit: int
    token: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Messages by symbol, in order of time, and the token of the next page."""

    rows: dict[str, tuple[bytes, ...]]
    next_token: str | None


class TokenError(ValueError):
    """The page token was not made by this API for this query."""


class _Column:
    """The messages of one symbol and table, ordered by event time (equal times in order of arrival)."""

    __slots__ = ("raws", "times")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.raws: list[bytes] = []

    def insert(self, t: int, raw: bytes) -> None:
        if not self.times or t >= self.times[-1]:
            self.times.append(t)
            self.raws.append(raw)
        else:
            at = bisect_right(self.times, t)
            self.times.insert(at, t)
            self.raws.insert(at, raw)

    def replace_or_insert(self, t: int, raw: bytes) -> None:
        at = bisect_left(self.times, t)
        if at < len(self.times) and self.times[at] == t:
            self.raws[at] = raw
        else:
            self.insert(t, raw)

    def drop_oldest(self, count: int) -> None:
        del self.times[:count]
        del self.raws[:count]


class History:
    """The recent past of one feed."""

    def __init__(self, max_events: int, max_age_ns: int) -> None:
        self._max_events = max_events
        self._max_age_ns = max_age_ns
        self._columns: dict[tuple[str, str], _Column] = {}
        self._count = 0
        self._until_trim = _TRIM_EVERY

    def __len__(self) -> int:
        return sum(len(column.times) for column in self._columns.values())

    def add(self, events: Sequence[Event]) -> None:
        """These happened; they can be asked for from now on."""
        for event in events:
            kind = event.kind
            if kind in (Kind.TRADE, Kind.QUOTE):
                self._column(_TABLE[kind], event.symbol).insert(event.t, event.raw)
            elif kind in (Kind.BAR, Kind.UPDATED_BAR):
                self._column("bars", event.symbol).replace_or_insert(event.t, event.raw)
            elif kind == Kind.CANCEL:
                self._cancel(event)
            elif kind == Kind.CORRECTION:
                self._correct(event)
        self._until_trim -= len(events)
        if self._until_trim <= 0:
            self._trim()

    def page(self, query: Query) -> Page:
        """One page: by symbol, then time, as Alpaca's multi-symbol pages are.

        Raises:
            TokenError: the token is not one of ours.
        """
        rows: dict[str, tuple[bytes, ...]] = {}
        left = query.limit
        after = _parse_token(query.token)
        for symbol in sorted(query.symbols):
            if after is not None and symbol < after[0]:
                continue
            column = self._columns.get((query.table, symbol))
            if column is None:
                continue
            first, last = bisect_left(column.times, query.start), bisect_right(column.times, query.end)
            if after is not None and symbol == after[0]:
                first = max(first, bisect_left(column.times, after[1]) + after[2])
            taken = min(last - first, left)
            if taken > 0:
                rows[symbol] = tuple(map(_public, column.raws[first : first + taken]))
                left -= taken
            if first + taken < last:
                return Page(rows, _token(symbol, column.times, first + taken))
        return Page(rows, None)

    def _column(self, table: str, symbol: str) -> _Column:
        column = self._columns.get((table, symbol))
        if column is None:
            column = self._columns[table, symbol] = _Column()
        return column

    def _find(self, symbol: str, trade_id: bytes, exchange: bytes) -> tuple[_Column, int] | None:
        """Where the trade is. Changes are rare and recent, so the search starts at the end."""
        column = self._columns.get(("trades", symbol))
        if column is None:
            return None
        needle = b'"i":' + trade_id
        for at in range(len(column.raws) - 1, -1, -1):
            if needle in column.raws[at]:
                fields = fields_of(column.raws[at])
                if _text(fields, "i") == trade_id and _text(fields, "x") == exchange:
                    return column, at
        return None

    def _cancel(self, event: Event) -> None:
        change = fields_of(event.raw)
        found = self._find(event.symbol, _text(change, "i"), _text(change, "x"))
        if found is not None:
            column, at = found
            column.raws[at] = _marked(column.raws[at], b'"canceled"')

    def _correct(self, event: Event) -> None:
        change = fields_of(event.raw)
        found = self._find(event.symbol, _text(change, "oi"), _text(change, "x"))
        if found is None:
            return
        column, at = found
        corrected = fields_of(column.raws[at]) | {"i": change["ci"], "p": change["cp"], "s": change["cs"]}
        if "cc" in change:
            corrected["c"] = change["cc"]
        column.raws[at] = _marked(column.raws[at], b'"incorrect"')
        column.insert(column.times[at], _marked(with_fields(corrected), b'"corrected"'))

    def _trim(self) -> None:
        self._until_trim = _TRIM_EVERY
        newest = max((column.times[-1] for column in self._columns.values() if column.times), default=0)
        self._drop_before(newest - self._max_age_ns)
        if len(self) > self._max_events:
            # A tenth more than needed, so that this is rare.
            self._drop_before(self._time_of_rank(len(self) - self._max_events * 9 // 10, newest))

    def _drop_before(self, horizon: int) -> None:
        for column in self._columns.values():
            column.drop_oldest(bisect_left(column.times, horizon))

    def _time_of_rank(self, rank: int, newest: int) -> int:
        """The earliest time before which at least `rank` messages lie, by bisection over all columns."""
        low, high = min(column.times[0] for column in self._columns.values() if column.times), newest
        while low < high:
            middle = (low + high) // 2
            if sum(bisect_left(column.times, middle) for column in self._columns.values()) < rank:
                low = middle + 1
            else:
                high = middle
        return low


def _text(fields: dict[str, msgspec.Raw], name: str) -> bytes:
    """A member's text; empty when it is absent, as the exchange of a crypto trade is."""
    return bytes(fields[name]) if name in fields else b""


def _marked(raw: bytes, mark: bytes) -> bytes:
    return with_fields(fields_of(raw) | {"u": msgspec.Raw(mark)})


def _public(raw: bytes) -> bytes:
    """The message without `T` and `S`. Ours open with the two, so that the rest can be taken as it is."""
    if raw.startswith(b'{"T":"', 0) and raw.startswith(b'","S":"', 7):
        end = raw.find(b'",', 14)
        if end > 0:
            return b"{" + raw[end + 2 :]
    fields = fields_of(raw)
    return with_fields({name: value for name, value in fields.items() if name not in ("T", "S")})


def _token(symbol: str, times: Sequence[int], at: int) -> str:
    """The place of the next message: its symbol, its time, and how many with that time came before it."""
    return base64.urlsafe_b64encode(f"{symbol}|{times[at]}|{at - bisect_left(times, times[at])}".encode()).decode()


def _parse_token(token: str | None) -> tuple[str, int, int] | None:
    if token is None:
        return None
    try:
        symbol, t, skipped = base64.urlsafe_b64decode(token.encode()).decode().split("|")
        return symbol, int(t), int(skipped)
    except (ValueError, binascii.Error) as error:
        raise TokenError("page_token is not valid") from error
