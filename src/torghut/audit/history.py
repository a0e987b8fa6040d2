"""Alpaca's history API as the truth, for a feed that keeps no ledger: trades, quotes and bars.

History says what happened and not when it could be known, so an event's time stands for both; and everything that was
asked for counts as covered. Corrections, cancels, updated bars, halts and bands are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx
import msgspec

from torghut.audit import identity
from torghut.audit.errors import HistoryError
from torghut.audit.model import TruthEvent
from torghut.config import AlpacaKeys, AlpacaSettings
from torghut.platform.waiting import wait_until
from torghut.wire.times import format_rfc3339
from torghut.wire.topics import Channel

_HISTORY: Final = (Channel.TRADES, Channel.QUOTES, Channel.BARS)
_PAGE: Final = 10_000
_TRY_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_EVERY_S: Final = 2.0  # Alpaca counts requests by the minute
_MARK: Final = "u"


class _Page(msgspec.Struct):
    next_page_token: str | None = None
    trades: dict[str, list[msgspec.Raw]] | None = None
    quotes: dict[str, list[msgspec.Raw]] | None = None
    bars: dict[str, list[msgspec.Raw]] | None = None


class _Everything:
    """Coverage of what was asked for, all the time."""

    def covers(self, feed: str, channel: str, symbol: str, ns: int) -> bool:  # noqa: ARG002 - Coverage's signature
        return True

    def delivers(self, feed: str, ns: int) -> bool:  # noqa: ARG002 - Coverage's signature
        return True


class HistoryTruth:
    """Fetches [since_ns, until_ns) of `symbols`, once. A page may take `patience_s` seconds, with all retries."""

    def __init__(
        self,
        alpaca: AlpacaSettings,
        keys: AlpacaKeys,
        symbols: tuple[str, ...],
        since_ns: int,
        until_ns: int,
        *,
        transport: httpx.BaseTransport | None = None,
        patience_s: float = 120.0,
    ) -> None:
        self.coverage = _Everything()
        self.injected: dict[str, int] = {}
        self.channels = frozenset(channel for channel in _HISTORY if channel in alpaca.channels)
        self._alpaca = alpaca
        self._symbols = symbols
        self._since_ns = since_ns
        self._until_ns = until_ns
        self._patience_s = patience_s
        self._fetched = False
        headers = {
            "APCA-API-KEY-ID": keys.key_id.get_secret_value(),
            "APCA-API-SECRET-KEY": keys.secret_key.get_secret_value(),
        }
        self._client = httpx.Client(base_url=alpaca.data_url, headers=headers, timeout=30.0, transport=transport)

    def read(self) -> Iterator[TruthEvent]:
        """All events, the first time; nothing after that.

        Raises:
            HistoryError: the API does not answer, or not as it should.
        """
        if "*" in self._symbols:
            raise HistoryError("SYMBOLS=* cannot be asked of history: name the symbols to audit")
        if self._fetched:
            return
        self._fetched = True
        for channel in sorted(self.channels):
            yield from self._fetch(channel)

    def _fetch(self, channel: Channel) -> Iterator[TruthEvent]:
        crypto = self._alpaca.feed == "crypto"
        path = f"/v1beta3/crypto/us/{channel}" if crypto else f"/v2/stocks/{channel}"
        query = {
            "symbols": ",".join(self._symbols),
            "start": format_rfc3339(self._since_ns),
            "end": format_rfc3339(self._until_ns),
            "limit": str(_PAGE),
            "sort": "asc",
        }
        query |= {} if crypto else {"feed": self._alpaca.feed}
        query |= {"timeframe": "1Min"} if channel == Channel.BARS else {}
        while True:
            page = self._page(path, query)
            for symbol, messages in (getattr(page, channel.value) or {}).items():
                for raw in messages:
                    yield self._event(channel, symbol, bytes(raw))
            if not page.next_page_token:
                return
            query["page_token"] = page.next_page_token

    def _event(self, channel: Channel, symbol: str, raw: bytes) -> TruthEvent:
        head = identity.head_decoder.decode(raw)
        event_ts = identity.event_ns(head.t)
        payload = identity.decode_payload(raw)
        if channel == Channel.TRADES and payload.pop(_MARK, None) is not None:
            raw = msgspec.json.encode(payload)
        return TruthEvent(channel.value, self._alpaca.feed, symbol, event_ts, event_ts, event_ts, raw)

    def _page(self, path: str, query: dict[str, str]) -> _Page:
        problem = "no answer"

        def ask() -> httpx.Response | None:
            nonlocal problem
            try:
                answer = self._client.get(path, params=query)
            except httpx.HTTPError as error:
                problem = type(error).__name__
                return None
            problem = f"HTTP {answer.status_code}"
            return None if answer.status_code in _TRY_AGAIN else answer

        try:
            answer = wait_until(ask, self._patience_s, f"a page of {path}", _EVERY_S)
            if answer.is_success:
                return msgspec.json.decode(answer.content, type=_Page)
        except TimeoutError:
            pass  # `problem` says what it was
        except msgspec.DecodeError as error:
            raise HistoryError(f"{path}: wanted a page of history, saw something else ({error})") from error
        raise HistoryError(
            f"the audit wanted {path} of {self._alpaca.data_url}, but got {problem}; check ALPACA_DATA_URL, the keys "
            "and what your plan covers"
        )
