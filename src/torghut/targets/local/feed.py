"""Trying keys at the feed that the stack follows: the simulator, or Alpaca."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torghut.config import AlpacaSettings, load
from torghut.ops.errors import UnavailableError
from torghut.platform.alpaca import Answer, KeyPair, KeyProbe
from torghut.runbooks.ports import FeedAnswer
from torghut.stack.desired import read_desired
from torghut.stack.document import running_document
from torghut.stack.feeds import alpaca_feed
from torghut.stack.home import Home


@dataclass(frozen=True)
class LocalFeed:
    """The feed of the stack in a home."""

    home: Home

    def history(self, keys: Mapping[str, str]) -> FeedAnswer:
        """A request for the newest history."""
        return _answer(self._probe().history(_pair(keys)))

    def login(self, keys: Mapping[str, str]) -> FeedAnswer:
        """A login on the test stream."""
        return _answer(self._probe().login(_pair(keys)))

    def _probe(self) -> KeyProbe:
        document, settings = running_document(self.home), read_desired(self.home).settings
        if document is None:
            raise UnavailableError(f"no stack runs in {self.home.root}: start it with `torghut up`")
        symbol = next(iter(settings.symbols), "AAPL")
        if document.sim is not None:
            return KeyProbe(document.sim.stream_url, document.sim.data_url, alpaca_feed(settings), symbol)
        alpaca = load(AlpacaSettings, {"ALPACA_FEED": settings.feed})
        return KeyProbe(alpaca.stream_url, alpaca.data_url, alpaca.feed, symbol)


def _pair(keys: Mapping[str, str]) -> KeyPair:
    return KeyPair(keys["key_id"], keys["secret_key"])


def _answer(answer: Answer) -> FeedAnswer:
    return FeedAnswer(answer.accepted, answer.what)
