"""Trying keys at the feed that the options name: Alpaca, or a simulator inside of the cluster."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from torghut.config import AlpacaSettings, ConfigError, load
from torghut.ops.errors import RefusedError
from torghut.platform.alpaca import Answer, KeyPair, KeyProbe
from torghut.platform.kubernetes.api import SERVICE
from torghut.runbooks.ports import FeedAnswer
from torghut.targets.kubernetes.place import Place

_TOLD: Final = ("ALPACA_FEED", "ALPACA_STREAM_URL", "ALPACA_DATA_URL")


@dataclass(frozen=True)
class KubernetesFeed:
    """The feed of an installation."""

    place: Place

    def history(self, keys: Mapping[str, str]) -> FeedAnswer:
        """A request for the newest history."""
        return _answer(self._probe().history(KeyPair(keys["key_id"], keys["secret_key"])))

    def login(self, keys: Mapping[str, str]) -> FeedAnswer:
        """A login on the test stream."""
        return _answer(self._probe().login(KeyPair(keys["key_id"], keys["secret_key"])))

    def _probe(self) -> KeyProbe:
        options = self.place.options()
        try:
            alpaca = load(AlpacaSettings, {name: options[name] for name in _TOLD if name in options})
        except ConfigError as error:
            raise RefusedError(str(error)) from error
        symbol = options.get("SYMBOLS", "AAPL").partition(",")[0]
        if not self._inside(alpaca.data_url):
            return KeyProbe(alpaca.stream_url, alpaca.data_url, alpaca.feed, symbol)
        access = self.place.access
        return KeyProbe(
            stream_url=self._through(alpaca.stream_url).replace("https:", "wss:", 1),
            data_url=self._through(alpaca.data_url),
            feed=alpaca.feed,
            symbol=symbol,
            auth=_headers(access.auth),
            trust=access.trust if isinstance(access.trust, ssl.SSLContext) else None,
        )

    def _inside(self, url: str) -> bool:
        """Whether the address is a Service's name."""
        return "." not in (urlsplit(url).hostname or ".")

    def _through(self, url: str) -> str:
        """The way to a Service of the namespace by the API server, which is all that procedures need to reach."""
        place = urlsplit(url)
        way = self.place.api.way_to(self.place.ref(SERVICE, str(place.hostname)), str(place.port))
        return f"{self.place.access.url}{way}"


def _headers(auth: httpx.Auth) -> dict[str, str]:
    """What a login puts into a request."""
    request = next(auth.auth_flow(httpx.Request("GET", "https://api/")))
    return {"Authorization": value} if (value := request.headers.get("Authorization")) else {}


def _answer(answer: Answer) -> FeedAnswer:
    return FeedAnswer(answer.accepted, answer.what)
