"""The last hour of every symbol, and what of it changed since a moment: bounded memory, no hole after a reconnect.

Every change gets the next number of one count, the *cursor*. A browser that says up to which cursor it has seen gets
exactly the rows that changed after it, each once and in its newest state. So nothing is queued for a slow browser: what
waits for it is at most the hour itself. `epoch` names this count; after a restart of the console it is another one, and
every browser starts over from the whole hour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from torghut.client import Channel, Envelope, payload_of
from torghut.console.row import Row, decode_row, encode_row, rank_of, second_of, with_bar, with_signal
from torghut.wire.envelope import MicroBar, Signal

HOUR_S: Final = 3600
MAX_ROWS: Final = 400_000
"""Of all symbols together: about 250 MB. With more symbols than fit, each keeps less than an hour."""
MIN_ROWS: Final = 60


class Change(NamedTuple):
    """A row as encoded JSON, and the cursor of its newest change."""

    cursor: int
    row: bytes


class Series:
    """The rows of one symbol, in the order of their last change."""

    def __init__(self) -> None:
        self._rows: dict[int, Change] = {}
        self.newest = 0
        self.cursor = 0

    def __len__(self) -> int:
        return len(self._rows)

    def change(self, second: int, cursor: int, change: Callable[[Row], Row]) -> bool:
        """Change the row of a second; False when it stays as it is."""
        kept = self._rows.get(second)
        before = Row(t=second) if kept is None else decode_row(kept.row)
        after = change(before)
        if after == before:
            return False
        self._rows.pop(second, None)
        self._rows[second] = Change(cursor, encode_row(after))
        self.newest, self.cursor = max(self.newest, second), cursor
        return True

    def trim(self, limit: int) -> None:
        """Forget what is more than an hour older than the newest, and what is above `limit` rows."""
        while self._rows:
            first = next(iter(self._rows))
            if first > self.newest - HOUR_S and len(self._rows) <= limit:
                return
            del self._rows[first]

    def since(self, cursor: int) -> list[bytes]:
        """The rows that changed after `cursor`, in order of change; 0 is all of them."""
        found: list[bytes] = []
        for change in reversed(self._rows.values()):
            if change.cursor <= cursor:
                break
            found.append(change.row)
        found.reverse()
        return found


class Board:
    """All symbols."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.cursor = 0
        self._series: dict[str, Series] = {}

    def take(self, envelope: Envelope) -> None:
        """Put a bar or a signal on the board; other channels are none of its business."""
        if envelope.channel not in (Channel.TA_BARS, Channel.TA_SIGNALS):
            return
        series = self._series.get(envelope.symbol)
        if series is None:
            series = self._series[envelope.symbol] = Series()
        payload, rank, second = payload_of(envelope), rank_of(envelope), second_of(envelope)
        if second <= series.newest - HOUR_S:
            return

        def change(row: Row) -> Row:
            if isinstance(payload, MicroBar):
                return with_bar(row, rank, payload)
            return with_signal(row, rank, payload) if isinstance(payload, Signal) else row

        if series.change(second, self.cursor + 1, change):
            self.cursor += 1
            series.trim(max(MIN_ROWS, MAX_ROWS // len(self._series)))

    @property
    def rows(self) -> int:
        """How many rows are kept."""
        return sum(len(series) for series in self._series.values())

    def symbols(self) -> dict[str, int]:
        """Each symbol with its newest second."""
        return {symbol: self._series[symbol].newest for symbol in sorted(self._series)}

    def series(self, symbol: str) -> Series | None:
        """The rows of a symbol; None when nothing came of it."""
        return self._series.get(symbol)
