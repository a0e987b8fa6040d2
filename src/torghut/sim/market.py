"""A seeded synthetic market that looks like one. Pure: seed, symbols, rate and origin decide every event.

`advance(until)` returns what happens up to that moment of the market's own clock (ns since the epoch, starting at
`origin`). The same parameters give the same events, whatever the steps. Arrivals are a Poisson process with bursts;
what follows from something else (a correction, a resumption, a bar) stands on an agenda.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from itertools import accumulate, count
from typing import Final

from torghut.sim import wording
from torghut.sim.events import Event, Kind
from torghut.sim.hours import hour_at
from torghut.sim.listing import CENT, EXCHANGE_WEIGHTS, EXCHANGES, PRINTS, TRF, Listing, PrintKind, listings
from torghut.sim.minute_bars import MINUTE_NS, Bar, MinuteBars, Moves, Print, moves
from torghut.sim.wording import Printed
from torghut.wire.times import NS_PER_MS, NS_PER_S

_TRADES: Final = 0.28
_IDENTICAL_QUOTES: Final = 0.03
_LATE: Final = 0.004
_LATEST_NS: Final = 10 * NS_PER_S
_CHANGED: Final = 0.002
_BURST_EVERY_S: Final = 3.0
_BURST_S: Final = 0.15
_BURST: Final = 6.0
_HALT_EVERY_S: Final = 75.0
_BANDS_EVERY_NS: Final = 30 * NS_PER_S
_BAR_DELAY_NS: Final = 300 * NS_PER_MS
_REVISION_DELAY_NS: Final = 30 * NS_PER_S
# Bursts add to the average, which is what the rate promises.
_CALM: Final = 1 / (1 + (_BURST - 1) * _BURST_S / _BURST_EVERY_S)
_EVERYTHING: Final = Moves(open_close=True, high_low=True, volume=True)

_Action = Callable[[int], list[Event]]


class Market:
    """One market's process in time."""

    def __init__(
        self,
        *,
        seed: int,
        symbols: tuple[str, ...],
        rate: float,
        origin_ns: int,
        ids: Iterator[int],
        feeds: dict[str, str],
    ) -> None:
        """`feeds` gives each symbol's feed; `ids` gives the trades' ids; `rate` is messages a second."""
        self._random = random.Random(seed)  # noqa: S311 - a market, not a secret
        self._listings = listings(symbols, feeds, self._random)
        self._by_symbol = {listing.symbol: listing for listing in self._listings}
        self._stocks = tuple(listing for listing in self._listings if not listing.crypto)
        self._weights = tuple(accumulate(listing.weight for listing in self._listings))
        self._prices = {listing.symbol: listing.price for listing in self._listings}
        self._ids = ids
        self._mean_gap_ns = NS_PER_S / rate
        self._burst_until = 0
        self._halted: set[str] = set()
        self._bars = MinuteBars()
        self._agenda: list[tuple[int, int, _Action]] = []
        self._numbers = count()
        self._hour = hour_at(origin_ns)
        self._next = origin_ns + self._gap(origin_ns)
        self._open_agenda(origin_ns)

    def advance(self, until_ns: int) -> list[Event]:
        """What happens after the last call and not later than `until_ns`, in order."""
        events: list[Event] = []
        while True:
            if self._agenda and self._agenda[0][0] <= min(self._next, until_ns):
                at, _, action = heapq.heappop(self._agenda)
                events += action(at)
            elif self._next <= until_ns:
                at = self._next
                events += self._arrival(at)
                self._next = at + self._gap(at)
            else:
                return events

    def skip(self, to_ns: int) -> None:
        """Let nothing arrive until then; what is on the agenda is kept and comes late."""
        self._next = max(self._next, to_ns)

    # Time

    def _gap(self, at: int) -> int:
        activity = self._hour.activity * _CALM * (_BURST if at < self._burst_until else 1.0)
        return 1 + int(self._random.expovariate(1.0) * self._mean_gap_ns / activity)

    def _open_agenda(self, origin: int) -> None:
        first_minute = origin - origin % MINUTE_NS
        self._at(first_minute + MINUTE_NS, self._turn_of_the_minute)
        self._at(self._after(origin, _BURST_EVERY_S), self._start_burst)
        if self._stocks:
            self._at(self._after(origin, _HALT_EVERY_S), self._halt)
            self._at(origin + NS_PER_S, self._bands)

    def _at(self, when: int, action: _Action) -> None:
        heapq.heappush(self._agenda, (when, next(self._numbers), action))

    def _after(self, at: int, mean_s: float) -> int:
        return at + 1 + int(self._random.expovariate(1 / mean_s) * NS_PER_S)

    def _turn_of_the_minute(self, at: int) -> list[Event]:
        self._hour = hour_at(at)
        minute = at - MINUTE_NS
        self._at(at + _BAR_DELAY_NS, lambda _: self._bar_events(Kind.BAR, self._bars.close(minute)))
        self._at(at + _REVISION_DELAY_NS, lambda _: self._bar_events(Kind.UPDATED_BAR, self._bars.revise(minute)))
        self._at(at + MINUTE_NS, self._turn_of_the_minute)
        return []

    def _start_burst(self, at: int) -> list[Event]:
        self._burst_until = at + int(_BURST_S * NS_PER_S)
        self._at(self._after(at, _BURST_EVERY_S), self._start_burst)
        return []

    # Quotes and trades

    def _arrival(self, at: int) -> list[Event]:
        draw = self._random
        listing = draw.choices(self._listings, cum_weights=self._weights)[0]
        if listing.symbol in self._halted:
            return []
        if draw.random() < _TRADES:
            return [self._crypto_trade(listing, at) if listing.crypto else self._trade(listing, at)]
        event = self._quote(listing, at)
        return [event] * draw.randint(2, 3) if draw.random() < _IDENTICAL_QUOTES else [event]

    def _quote(self, listing: Listing, at: int) -> Event:
        draw = self._random
        middle = self._walk(listing)
        spread = CENT * draw.choice((1, 1, 1, 2, 3))
        lot = 250_000 if listing.crypto else 1
        bid = (draw.choice(EXCHANGES[:-1]), middle - spread, draw.randint(1, 20) * lot)
        ask = (draw.choice(EXCHANGES[:-1]), middle + spread, draw.randint(1, 20) * lot)
        t = self._event_time(at)
        return self._event(listing, Kind.QUOTE, t, wording.quote(listing, bid, ask, t))

    def _trade(self, listing: Listing, at: int) -> Event:
        draw = self._random
        late = draw.random() < _LATE
        t = at - draw.randint(NS_PER_S // 2, _LATEST_NS) if late else self._event_time(at)
        regular = (hour_at(t) if late else self._hour).regular_session
        table = PRINTS[listing.tape, regular]
        kind: PrintKind = draw.choices(table.kinds, cum_weights=table.cumulated)[0]
        exchange = draw.choices(EXCHANGES, cum_weights=EXCHANGE_WEIGHTS)[0]
        size = draw.randint(1, 99) if kind.odd_lot else 100 * int(1 + draw.expovariate(0.5))
        at_price = self._prices[listing.symbol] + draw.choice((-CENT, 0, CENT))
        if exchange == TRF and draw.random() < 0.3:
            at_price += draw.choice((25, 50, 75))
        new = Printed(listing.symbol, next(self._ids), exchange, at_price, size, kind.conditions, t)
        allowed = moves(kind.conditions, listing.tape, regular_session=regular)
        self._bars.add(listing.symbol, Print(new.trade_id, t, at_price, size, allowed))
        if draw.random() < _CHANGED:
            change = self._cancel if draw.random() < 0.5 else self._correct
            self._at(self._after(at, 3.0), lambda when: change(new, when))
        return self._event(listing, Kind.TRADE, t, wording.trade(listing, new))

    def _crypto_trade(self, listing: Listing, at: int) -> Event:
        draw = self._random
        t, trade_id, at_price = self._event_time(at), next(self._ids), self._prices[listing.symbol]
        coins = 1 + int(draw.expovariate(1 / 50_000))
        self._bars.add(listing.symbol, Print(trade_id, t, at_price, coins, _EVERYTHING))
        raw = wording.crypto_trade(listing, trade_id, at_price, coins, draw.choice("BS"), t)
        return self._event(listing, Kind.TRADE, t, raw)

    def _walk(self, listing: Listing) -> int:
        step = self._random.choice((-1, 0, 0, 0, 1))
        floor = listing.price // 2
        price = self._prices[listing.symbol] = max(floor, self._prices[listing.symbol] + step * CENT)
        return price

    def _event_time(self, at: int) -> int:
        """A little before it happens here, as the way from the exchange takes time."""
        return at - self._random.randrange(100_000, 3 * NS_PER_MS)

    # What follows

    def _cancel(self, was: Printed, at: int) -> list[Event]:
        listing = self._by_symbol[was.symbol]
        self._bars.remove(was.symbol, was.t, was.trade_id)
        action = "C" if self._random.random() < 0.8 else "E"
        return [self._event(listing, Kind.CANCEL, at, wording.cancel(listing, was, action, at))]

    def _correct(self, was: Printed, at: int) -> list[Event]:
        listing, new_id = self._by_symbol[was.symbol], next(self._ids)
        price = was.price + self._random.choice((-3, -2, 2, 3)) * CENT
        self._bars.remove(was.symbol, was.t, was.trade_id)
        allowed = moves(was.conditions, listing.tape, regular_session=self._hour.regular_session)
        self._bars.add(was.symbol, Print(new_id, was.t, price, was.size, allowed))
        return [self._event(listing, Kind.CORRECTION, at, wording.correction(listing, was, new_id, price, at))]

    def _halt(self, at: int) -> list[Event]:
        self._at(self._after(at, _HALT_EVERY_S), self._halt)
        listing = self._random.choice(self._stocks)
        if listing.symbol in self._halted:
            return []
        self._halted.add(listing.symbol)
        self._at(at + self._random.randint(5, 20) * NS_PER_S, lambda when: self._resume(listing, when))
        return [self._event(listing, Kind.STATUS, at, wording.status(listing, halted=True, t=at))]

    def _resume(self, listing: Listing, at: int) -> list[Event]:
        self._halted.discard(listing.symbol)
        return [self._event(listing, Kind.STATUS, at, wording.status(listing, halted=False, t=at))]

    def _bands(self, at: int) -> list[Event]:
        self._at(at + _BANDS_EVERY_NS, self._bands)
        return [self._band(listing, at) for listing in self._stocks]

    def _band(self, listing: Listing, at: int) -> Event:
        middle = self._prices[listing.symbol]
        width = middle // 20 // CENT * CENT
        return self._event(listing, Kind.LULD, at, wording.luld(listing, middle + width, middle - width, at))

    def _bar_events(self, kind: Kind, bars: list[Bar]) -> list[Event]:
        return [
            self._event(listing, kind, bar.t, wording.bar(kind, bar, listing))
            for bar in bars
            for listing in (self._by_symbol[bar.symbol],)
        ]

    @staticmethod
    def _event(listing: Listing, kind: Kind, t: int, raw: bytes) -> Event:
        return Event(listing.feed, kind.value, listing.symbol, t, raw)
