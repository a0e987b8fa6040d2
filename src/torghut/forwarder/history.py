"""The history API as a source of repairs: trades, quotes and bars of an interval, in event order, in bounded memory.

Alpaca sorts the pages of several symbols by symbol first, so an interval is fetched in slices of time, each small
enough to be sorted here. Slices grow while there is little in them and shrink when there is much.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final

import httpx
import msgspec

from torghut.config import AlpacaKeys, AlpacaSettings, ConfigError
from torghut.feed.errors import MessageError
from torghut.feed.messages import INVALID_MESSAGE, Message, Reject, parse_history
from torghut.wire.times import NS_PER_S, format_rfc3339
from torghut.wire.topics import Channel

_PAGE: Final = 10_000
_SYMBOLS_AT_ONCE: Final = 100
_FIRST_SLICE_NS: Final = 5 * NS_PER_S
_MANY: Final = 50_000
_FEW: Final = 5_000


class HistoryError(Exception):
    """History could not be fetched. `status` is the HTTP status, 0 when there was no answer."""

    def __init__(self, detail: str, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_s = retry_after_s


class Past(msgspec.Struct, frozen=True, gc=False):
    """An event of the past and its mark (`canceled`, `incorrect`, `corrected`), if it was changed later."""

    message: Message
    mark: str | None


class Slice(msgspec.Struct, frozen=True):
    """All events with `start` <= time < `end` (ns), in event order."""

    start: int
    end: int
    events: list[Past]


class History:
    """A client of the history API for one feed."""

    def __init__(
        self,
        settings: AlpacaSettings,
        keys: Callable[[], AlpacaKeys],
        client: httpx.AsyncClient,
        reject: Callable[[Reject], None],
    ) -> None:
        """Prepare requests.

        Args:
            settings: the feed and where its history is.
            keys: read for every request, so that a rotation is found.
            client: closed by whoever made it.
            reject: called with each row that is not an event; the others go on.
        """
        self._feed = settings.feed
        crypto = settings.feed == "crypto"
        self._base = settings.data_url.rstrip("/") + ("/v1beta3/crypto/us/" if crypto else "/v2/stocks/")
        self._keys = keys
        self._client = client
        self._reject = reject

    async def slices(
        self, kinds: Sequence[Channel], symbols: Sequence[str], start: int, end: int
    ) -> AsyncIterator[Slice]:
        """The events of `kinds` and `symbols` from `start` to `end` (ns, end exclusive), slice by slice.

        Raises:
            HistoryError: a request failed. Slices already given are whole; go on from the last one's `end`.
        """
        size = _FIRST_SLICE_NS
        while start < end:
            until = min(start + size, end)
            events = await self.fetch(kinds, symbols, start, until)
            yield Slice(start, until, events)
            start = until
            if len(events) > _MANY:
                size = max(size // 2, NS_PER_S // 10)
            elif len(events) < _FEW:
                size *= 4

    async def fetch(self, kinds: Sequence[Channel], symbols: Sequence[str], start: int, end: int) -> list[Past]:
        """Everything in `start` <= time < `end` (ns), sorted by event time."""
        groups = [symbols[i : i + _SYMBOLS_AT_ONCE] for i in range(0, len(symbols), _SYMBOLS_AT_ONCE)]
        parts = await asyncio.gather(*(self._pages(kind, group, start, end) for kind in kinds for group in groups))
        events = [event for part in parts for event in part]
        events.sort(key=lambda event: event.message.event_ts)
        return events

    async def _pages(self, kind: Channel, symbols: Sequence[str], start: int, end: int) -> list[Past]:
        query = {
            "symbols": ",".join(symbols),
            "start": format_rfc3339(start),
            "end": format_rfc3339(end - 1),  # inclusive there
            "limit": str(_PAGE),
            "sort": "asc",
        }
        if self._feed != "crypto":
            query["feed"] = self._feed
        if kind is Channel.BARS:
            query["timeframe"] = "1Min"
        decoder = msgspec.json.Decoder(_PAGES[kind])
        found: list[Past] = []
        while True:
            answer = await self._get(kind.value, query)
            try:
                page = decoder.decode(answer)
            except msgspec.MsgspecError as error:
                raise HistoryError(f"history of {kind.value}: not a page ({error})", httpx.codes.OK) from error
            for symbol, rows in (page.rows or {}).items():
                found += self._parsed(kind, symbol, rows)
            if not page.next_page_token:
                return found
            query["page_token"] = page.next_page_token

    def _parsed(self, kind: Channel, symbol: str, rows: list[msgspec.Raw]) -> Iterator[Past]:
        for row in rows:
            raw = bytes(row)
            try:
                yield Past(*parse_history(kind, symbol, raw))
            except MessageError as error:
                self._reject(Reject(raw, INVALID_MESSAGE, str(error), symbol))

    async def _get(self, kind: str, query: dict[str, str]) -> bytes:
        try:
            keys = self._keys()
        except ConfigError as error:  # a secret may be missing while it is exchanged
            raise HistoryError(f"history of {kind}: {error}", 0) from error
        pair = keys.key_id.get_secret_value(), keys.secret_key.get_secret_value()
        headers = {"APCA-API-KEY-ID": pair[0], "APCA-API-SECRET-KEY": pair[1]}
        try:
            answer = await self._client.get(self._base + kind, params=query, headers=headers)
        except httpx.HTTPError as error:
            raise HistoryError(f"history of {kind}: {type(error).__name__}", 0) from error
        if answer.status_code != httpx.codes.OK:
            wait = answer.headers.get("retry-after", "")
            text = answer.text.replace(pair[1], "***").replace(pair[0], "***")[:200]
            raise HistoryError(
                f"history of {kind}: http_{answer.status_code} {text}",
                answer.status_code,
                float(wait) if wait.isdigit() else None,
            )
        return answer.content


class _Trades(msgspec.Struct):
    rows: dict[str, list[msgspec.Raw]] | None = msgspec.field(name="trades", default=None)
    next_page_token: str | None = None


class _Quotes(msgspec.Struct):
    rows: dict[str, list[msgspec.Raw]] | None = msgspec.field(name="quotes", default=None)
    next_page_token: str | None = None


class _Bars(msgspec.Struct):
    rows: dict[str, list[msgspec.Raw]] | None = msgspec.field(name="bars", default=None)
    next_page_token: str | None = None


_PAGES: Final[dict[Channel, type[_Trades | _Quotes | _Bars]]] = {
    Channel.TRADES: _Trades,
    Channel.QUOTES: _Quotes,
    Channel.BARS: _Bars,
}
