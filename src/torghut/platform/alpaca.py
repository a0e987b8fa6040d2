"""Trying a pair of Alpaca keys: on the history API, and by a login on the test stream.

Neither disturbs a forwarder: history has no connection limit, and the test stream counts apart from the market's.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httpx
import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

_TIMEOUT_S: Final = 10.0
_REFUSED_LOGINS: Final = {401, 402, 404}
"""Codes of the stream for: not authenticated, failed, timed out (Alpaca, "Streaming Market Data", Errors)."""


@dataclass(frozen=True)
class KeyPair:
    """Alpaca's keys; `repr` shows neither."""

    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What the feed said. `accepted` is None when it could not be asked."""

    accepted: bool | None
    what: str


@dataclass(frozen=True)
class KeyProbe:
    """Where the feed is, and what to ask its history for.

    `auth` and `trust` are for whoever stands in between and passes requests on to a feed inside of a cluster.
    """

    stream_url: str
    data_url: str
    feed: str
    symbol: str
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)
    trust: ssl.SSLContext | None = None

    def history(self, keys: KeyPair) -> Answer:
        """Ask for the newest trades."""
        crypto = self.feed == "crypto"
        path = "/v1beta3/crypto/us/latest/trades" if crypto else "/v2/stocks/trades"
        query = {"symbols": self.symbol, "limit": "1"} | ({} if crypto else {"feed": self.feed})
        headers = {"APCA-API-KEY-ID": keys.key_id, "APCA-API-SECRET-KEY": keys.secret_key, **self.auth}
        url, trust = self.data_url.rstrip("/") + path, self.trust or True
        try:
            status = httpx.get(url, params=query, headers=headers, verify=trust, timeout=_TIMEOUT_S)
        except httpx.HTTPError as error:
            return Answer(None, f"the history API does not answer ({type(error).__name__})")
        if status.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return Answer(False, f"the history API refused them ({status.status_code})")
        if status.is_success:
            return Answer(True, f"the history API of {self.feed} accepted them")
        return Answer(None, f"the history API answered {status.status_code}")

    def login(self, keys: KeyPair) -> Answer:
        """Log in on the test stream and leave."""
        try:
            with connect(
                f"{self.stream_url.rstrip('/')}/v2/test",
                open_timeout=_TIMEOUT_S,
                proxy=None,
                ssl=self.trust,
                additional_headers=dict(self.auth),
            ) as socket:
                socket.send(
                    msgspec.json.encode({"action": "auth", "key": keys.key_id, "secret": keys.secret_key}).decode()
                )
                return _judge(socket.recv(_TIMEOUT_S), socket.recv(_TIMEOUT_S))
        except (OSError, TimeoutError, WebSocketException, msgspec.DecodeError) as error:
            return Answer(None, f"the test stream does not answer ({type(error).__name__})")


class _Said(msgspec.Struct):
    T: str
    msg: str = ""
    code: int = 0


def _judge(*messages: str | bytes) -> Answer:
    said = [item for message in messages for item in msgspec.json.decode(message, type=list[_Said])]
    if any(item.msg == "authenticated" for item in said):
        return Answer(True, "the test stream accepted them")
    errors = [item for item in said if item.T == "error"]
    if any(item.code in _REFUSED_LOGINS for item in errors):
        return Answer(False, f"the test stream refused them ({errors[0].code})")
    return Answer(None, f"the test stream answered {errors[0].code if errors else 'something else'}")
