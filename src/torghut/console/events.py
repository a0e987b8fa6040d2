"""The status feed: what changed with the forwarders and the job, in words, newest last. Heartbeats are not news."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from torghut.console.words import meaning
from torghut.wire.envelope import DeadLetter
from torghut.wire.status import ForwarderStatus, TaStatus
from torghut.wire.times import format_rfc3339

_KEPT: Final = 300
_LETTERS_EVERY_NS: Final = 10 * 1_000_000_000
_LETTER_KINDS: Final = 100


class Event(msgspec.Struct, frozen=True):
    """One line: `number` grows by one, `at` is RFC 3339 with all digits, `who` is an instance or the job."""

    number: int
    at: str
    who: str
    level: Literal["ok", "warn", "bad"]
    words: str


class Letters(NamedTuple):
    """Dead letters of one kind: when the last one was told, and how many since were not."""

    ts: int
    untold: int


class EventLog:
    """The newest 300 events."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self.number = 0
        self._letters: dict[tuple[str, str], Letters] = {}

    def since(self, number: int) -> list[Event]:
        """Those after the one with this number."""
        return list(reversed(list(self._newer(number))))

    def _newer(self, number: int) -> Iterator[Event]:
        for event in reversed(self._events):
            if event.number <= number:
                return
            yield event

    def _add(self, ts_ns: int, who: str, level: Literal["ok", "warn", "bad"], words: str) -> None:
        self.number += 1
        self._events.append(Event(self.number, format_rfc3339(ts_ns), who, level, words))

    def forwarder(self, before: ForwarderStatus | None, now: ForwarderStatus) -> None:
        """Note a change of a forwarder's state."""
        if before is not None and _gist(before) == _gist(now):
            return
        level: Literal["ok", "warn", "bad"] = "warn"
        if now.status == "healthy":
            level = "ok"
        elif now.status == "error":
            level = "bad"
        said = meaning(now.reason).words
        self._add(now.ts, now.instance, level, f"{said} ({now.detail})" if now.detail else said)

    def ta(self, before: TaStatus | None, now: TaStatus) -> None:
        """Note a change of the job's state or version."""
        if before is None or (before.status, before.version) != (now.status, now.version):
            words = f"job {now.version}: {now.status.lower()}{'' if now.reason == 'ok' else f', {now.reason}'}"
            self._add(now.ts, "flink", "ok" if now.status == "RUNNING" else "warn", words)

    def dead_letter(self, letter: DeadLetter) -> None:
        """Note records that could not be understood: of one kind at most one line in ten seconds, with their number."""
        kind = letter.source, letter.reason
        told = self._letters.get(kind, Letters(0, 0))
        if letter.ts - told.ts < _LETTERS_EVERY_NS:
            self._letters[kind] = Letters(told.ts, told.untold + 1)
            return
        if len(self._letters) > _LETTER_KINDS:
            self._letters.clear()
        self._letters[kind] = Letters(letter.ts, 0)
        more = f" (and {told.untold} more)" if told.untold else ""
        about = f" of {letter.symbol}" if letter.symbol else ""
        self._add(letter.ts, letter.source, "warn", f"dead letter{about}: {letter.reason}{more}: {letter.detail[:90]}")


def _gist(status: ForwarderStatus) -> tuple[str, str, str]:
    return status.status, status.reason, status.role
