"""Changes of earlier trades, and extra trades: events that are made from events. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from torghut.sim.events import Event, Kind, fields_of, with_fields
from torghut.wire.times import format_rfc3339

_REMEMBERED: Final = 512


class RecentTrades:
    """The newest trades that still stand: not cancelled, not corrected."""

    def __init__(self) -> None:
        self._trades: deque[Event] = deque(maxlen=_REMEMBERED)
        self._changed: deque[tuple[str, bytes]] = deque(maxlen=_REMEMBERED)

    def add(self, events: Sequence[Event]) -> None:
        """These happened."""
        for event in events:
            if event.kind == Kind.TRADE:
                self._trades.append(event)
            elif event.kind in (Kind.CANCEL, Kind.CORRECTION):
                fields = fields_of(event.raw)
                self._changed.append((event.symbol, bytes(fields["i" if event.kind == Kind.CANCEL else "oi"])))

    def take(self, count: int, *, stocks_only: bool = False) -> list[Event]:
        """Up to `count` of them, newest first; they are not given again."""
        taken: list[Event] = []
        for trade in reversed(tuple(self._trades)):
            if len(taken) == count:
                break
            if stocks_only and "/" in trade.symbol:
                continue
            self._trades.remove(trade)
            if (trade.symbol, bytes(fields_of(trade.raw)["i"])) not in self._changed:
                taken.append(trade)
        return taken

    def newest(self) -> Event | None:
        """The last trade that happened."""
        return self._trades[-1] if self._trades else None


def cancel(trade: Event, t: int) -> Event:
    """The cancel of a trade, at `t`."""
    was = fields_of(trade.raw)
    fields = _only(was, "S", "i", "x", "p", "s") | {"a": _json("C")} | _only(was, "z")
    return _event(trade, Kind.CANCEL, fields, t)


def correction(trade: Event, t: int, corrected_id: int) -> Event:
    """A correction of a trade, at `t`: a cent more, under a new id."""
    was = fields_of(trade.raw)
    price = Decimal(bytes(was["p"]).decode()) + Decimal("0.01")
    fields = _only(was, "S", "x")
    for old, new in (("i", "oi"), ("p", "op"), ("s", "os"), ("c", "oc")):
        fields |= {new: was[old]} if old in was else {}
    fields |= {"ci": _json(corrected_id), "cp": msgspec.Raw(f"{price.normalize():f}".encode()), "cs": was["s"]}
    if "c" in was:
        fields["cc"] = was["c"]
    return _event(trade, Kind.CORRECTION, fields | _only(was, "z"), t)


def another(trade: Event, t: int, trade_id: int, extra: Mapping[str, object]) -> Event:
    """A trade like this one, with another id, at `t`, and with extra members."""
    fields = fields_of(trade.raw)
    fields.pop("T")
    fields |= {"i": _json(trade_id)} | {name: _json(value) for name, value in extra.items()}
    return _event(trade, Kind.TRADE, fields, t)


def _only(fields: dict[str, msgspec.Raw], *names: str) -> dict[str, msgspec.Raw]:
    return {name: fields[name] for name in names if name in fields}


def _json(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _event(trade: Event, kind: Kind, fields: dict[str, msgspec.Raw], t: int) -> Event:
    raw = with_fields({"T": _json(kind.value)} | fields | {"t": _json(format_rfc3339(t))})
    return Event(trade.feed, kind.value, trade.symbol, t, raw)
