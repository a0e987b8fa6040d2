"""A seeded synthetic market that looks like one. Pure: seed, symbols, rate and origin decide every event.

`advance(until)` returns what happens up to that moment of the market's own clock (ns since the epoch, starting at
`origin`). The same parameters give the same events, whatever the steps.
"""

from __future__ import annotations

import random
from typing import Final

from torghut.sim.events import Event
from torghut.wire.times import NS_PER_S, format_rfc3339

_EXCHANGES: Final = ("V", "Q", "N", "P", "Z", "K", "D")


class Market:
    """One market's process in time."""

    def __init__(self, seed: int, symbols: tuple[str, ...], rate: float, origin_ns: int, first_id: int, feed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a market, not a secret
        self._symbols = symbols
        self._mean_gap_ns = NS_PER_S / rate
        self._now = float(origin_ns)
        self._next_id = first_id
        self._feed = feed
        self._cents = {symbol: self._random.randint(2_000, 60_000) for symbol in symbols}

    def advance(self, until_ns: int) -> list[Event]:
        """What happens after the last call and not later than `until_ns`."""
        events = []
        draw = self._random
        while True:
            gap = draw.expovariate(1.0) * self._mean_gap_ns
            if self._now + gap > until_ns:
                # The process has no memory: a gap that reaches beyond the end may be drawn anew... but determinism
                # over steps wants it kept.
                break
            self._now += gap
            events.append(self._event(int(self._now)))
        return events

    def _event(self, t: int) -> Event:
        draw = self._random
        symbol = draw.choice(self._symbols)
        cents = self._cents[symbol] = max(100, self._cents[symbol] + draw.choice((-1, 0, 0, 1)))
        if draw.random() < 0.3:
            self._next_id += 1
            raw = (
                f'{{"T":"t","S":"{symbol}","i":{self._next_id},"x":"{draw.choice(_EXCHANGES)}","p":{cents / 100:.2f},'
                f'"s":{draw.randint(1, 5) * 100},"c":["@"],"z":"C","t":"{format_rfc3339(t)}"}}'
            )
            return Event(self._feed, "t", symbol, t, raw.encode())
        raw = (
            f'{{"T":"q","S":"{symbol}","bx":"Q","bp":{(cents - 1) / 100:.2f},"bs":{draw.randint(1, 9)},"ax":"V",'
            f'"ap":{(cents + 1) / 100:.2f},"as":{draw.randint(1, 9)},"c":["R"],"z":"C","t":"{format_rfc3339(t)}"}}'
        )
        return Event(self._feed, "q", symbol, t, raw.encode())
