"""What one browser has seen, and what it gets next. Pure; `live` is its socket.

Nothing waits for a browser in a queue. It has a cursor, and when it is ready for more it gets what changed since: a
slow one gets fewer and larger updates, and costs no more memory than a fast one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from torghut.console.board import Board
from torghut.console.errors import BadRequestError
from torghut.console.events import Event, EventLog
from torghut.console.health import Figure, Light
from torghut.console.symbols import parse_symbol


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How everything is, once a second. `at` is RFC 3339; `hours` says that the market is closed, if it is.

    `journal` is another text whenever a procedure has noted something.
    """

    at: str
    live: bool
    feed: str | None
    hours: str | None
    strip: list[Light]
    lags: list[Figure]
    symbols: int
    journal: str


class Update(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One message to a browser. `reset`: forget the rows so far, these are all. `error`: why a request was refused."""

    epoch: str
    cursor: int
    symbol: str | None = None
    reset: bool = False
    rows: list[msgspec.Raw] = []
    state: State | None = None
    events: list[Event] = []
    error: str | None = None

    @property
    def says_something(self) -> bool:
        """Whether it is worth sending."""
        return bool(self.rows or self.events or self.state or self.reset or self.error)


class Watch(msgspec.Struct, frozen=True, tag_field="type", tag="watch"):
    """A browser wants a symbol; `epoch`, `cursor` and `event` are from its last update, when it comes back."""

    symbol: str
    epoch: str = ""
    cursor: int = 0
    event: int = 0


class Seen(msgspec.Struct, frozen=True, tag_field="type", tag="seen"):
    """A browser has worked on the last update, and may get the next one."""


_request_decoder = msgspec.json.Decoder(Watch | Seen)


def parse_request(text: str) -> Watch | Seen:
    """What a browser sent.

    Raises:
        BadRequestError: it is none of the two.
    """
    try:
        request: Watch | Seen = _request_decoder.decode(text)
    except msgspec.DecodeError as error:
        raise BadRequestError(f'wanted {{"type":"watch","symbol":...}} or {{"type":"seen"}}: {error}') from error
    return request


class Watcher:
    """One browser. `state` gives the state of now, with a number that grows when it is a new one."""

    def __init__(self, board: Board, events: EventLog, state: Callable[[], tuple[int, State]]) -> None:
        self._board = board
        self._events = events
        self._state = state
        self._symbol: str | None = None
        self._cursor = 0
        self._event = 0
        self._state_number = 0
        self._reset = False
        self._error: str | None = None

    def watch(self, wish: Watch) -> None:
        """Show another symbol, or the same one again after a lost connection."""
        try:
            symbol = parse_symbol(wish.symbol)
        except BadRequestError as error:
            self._error = str(error)
            return
        known = wish.epoch == self._board.epoch and 0 < wish.cursor <= self._board.cursor
        self._symbol, self._cursor, self._reset = symbol, wish.cursor if known else 0, not known
        if known and wish.event <= self._events.number:
            self._event = max(self._event, wish.event)

    def next(self) -> Update | None:
        """What is new for this browser; None when nothing is."""
        number, state = self._state()
        series = self._board.series(self._symbol) if self._symbol else None
        fresh: Literal[True] | None = True if number != self._state_number else None
        update = Update(
            epoch=self._board.epoch,
            cursor=self._board.cursor,
            symbol=self._symbol,
            reset=self._reset,
            rows=[msgspec.Raw(row) for row in series.since(self._cursor)] if series else [],
            state=state if fresh else None,
            events=self._events.since(self._event),
            error=self._error,
        )
        if not update.says_something:
            return None
        self._cursor, self._event, self._state_number = update.cursor, self._events.number, number
        self._reset, self._error = False, None
        return update
