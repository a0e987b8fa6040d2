"""What the console knows: filled by Kafka's records, the local stack's document and the forwarders' own answers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import httpx
import msgspec

from torghut.console.board import Board
from torghut.console.events import EventLog
from torghut.console.health import Observed
from torghut.console.lag import SignalLag
from torghut.console.reading import Batch, ReaderState
from torghut.stack.document import StackDocument, running_document
from torghut.stack.home import Home
from torghut.wire.envelope import Envelope
from torghut.wire.status import ForwarderStatus, TaStatus

_PERIOD_S: Final = 1.0
_FORGET_NS: Final = 10 * 60 * 1_000_000_000


class Observer:
    """The present state, on the event loop. `look` runs until cancelled. `reader` says how reading Kafka goes."""

    def __init__(self, home: Home, board: Board, events: EventLog) -> None:
        self._home = home
        self.board = board
        self.events = events
        self.lag = SignalLag()
        self.reader: Callable[[], ReaderState] = ReaderState
        self._forwarders: dict[str, ForwarderStatus] = {}
        self._ta: TaStatus | None = None
        self._document: StackDocument | None = None
        self.certificates: dict[str, float] = {}
        self.dead_letters: Counter[tuple[str, str]] = Counter()

    def take(self, batch: Batch) -> None:
        """Records from Kafka."""
        now = time.time_ns()
        for record in batch.records:
            if isinstance(record, Envelope):
                self.board.take(record)
                if batch.live:
                    self.lag.take(record, now)
            elif isinstance(record, ForwarderStatus):
                self._forwarder(record)
            elif isinstance(record, TaStatus):
                self.events.ta(self._ta, record)
                self._ta = record
            else:
                if batch.live:
                    self.dead_letters[record.source, record.reason] += 1
                self.events.dead_letter(record)

    def _forwarder(self, status: ForwarderStatus) -> None:
        before = self._forwarders.get(status.instance)
        if before is not None and before.ts > status.ts:
            return  # the instance's own answer was faster than its record
        self.events.forwarder(before, status)
        self._forwarders[status.instance] = status

    def observed(self) -> Observed:
        """All of it, as of now."""
        now, document = time.time_ns(), self._document
        return Observed(
            now_ns=now,
            feed=document.feed if document else None,
            processes=document.processes if document else None,
            forwarders={name: status for name, status in self._forwarders.items() if status.ts > now - _FORGET_NS},
            ta=self._ta,
            reader=self.reader(),
            dead_letters=dict(self.dead_letters),
            certificates=dict(self.certificates),
            provisional=self.lag.provisional.percentiles(now),
            final=self.lag.final.percentiles(now),
        )

    async def look(self) -> None:
        """Once a second: the stack's document, and each forwarder's `/readyz` (which speaks also without Kafka)."""
        async with httpx.AsyncClient(timeout=_PERIOD_S, trust_env=False) as http:
            while True:
                begun = time.monotonic()
                self._document = running_document(self._home)
                urls = [one.health_url for one in self._document.forwarders.values()] if self._document else []
                for status in await _ask_all(http, urls):
                    self._forwarder(status)
                await asyncio.sleep(max(0.0, _PERIOD_S - (time.monotonic() - begun)))


async def _ask_all(http: httpx.AsyncClient, urls: Iterable[str]) -> list[ForwarderStatus]:
    found = await asyncio.gather(*(_ask(http, url) for url in urls))
    return [status for status in found if status is not None]


async def _ask(http: httpx.AsyncClient, url: str) -> ForwarderStatus | None:
    try:
        response = await http.get(f"{url}/readyz")
        return msgspec.json.decode(response.content, type=ForwarderStatus)
    except (httpx.HTTPError, msgspec.DecodeError):
        return None
