"""Carries ordered faults out on a running simulator, and writes each into the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatchmethod
from typing import Final

import msgspec

from torghut.sim import changes, delivery, faults
from torghut.sim.accounts import Accounts
from torghut.sim.connection import Connection
from torghut.sim.history_api import HistoryApi, HistoryFault
from torghut.sim.session import Code
from torghut.sim.stream import StreamServer
from torghut.sim.tape import Tape
from torghut.wire.times import NS_PER_MS, NS_PER_S

_GOOD: Final = b'{"T":"t","S":"AAPL","i":1,"x":"V","p":1.5,"s":100,"c":["@"],"z":"C","t":"2024-01-02T15:00:00Z"}'
_BAD_FRAMES: Final[dict[str, bytes]] = {
    "invalid_json": b'[{"T":"t","S":"AAPL","i":',
    "not_array": _GOOD,
    "wrong_type": b"[" + _GOOD.replace(b"1.5", b'"1.5"') + b"]",
    "bad_time": b"[" + _GOOD.replace(b"2024-01-02T15:00:00Z", b"yesterday") + b"]",
    "not_object": b'["t","AAPL",4]',
}
_BAD_MSGPACK: Final = b"\xc1"
_UNKNOWN: Final = b'{"T":"zz","S":"AAPL","what":"a message type that nobody knows"}'


class Sabotage:
    """The faults of one simulator."""

    def __init__(
        self, accounts: Accounts, stream: StreamServer, tape: Tape, history_api: HistoryApi, ids: Iterator[int]
    ) -> None:
        self._accounts = accounts
        self._stream = stream
        self._tape = tape
        self._history_api = history_api
        self._ids = ids
        self._resend_ns = 0
        self.standing: dict[str, faults.Fault] = {}
        stream.on_acknowledged.append(self._resend)

    def order(self, fault: faults.Fault) -> None:
        """Let it happen now; a standing one lasts until `clear`."""
        name = str(fault.__struct_config__.tag)
        if isinstance(fault, faults.STANDING):
            self.standing[name] = fault
        self._note(name, fault, on=True)
        self._apply(fault)

    def clear(self, name: str) -> None:
        """End a standing fault (harmless when it does not stand).

        Raises:
            ValueError: it is not one that can stand.
        """
        name = name.replace("-", "_")
        kind = faults.BY_NAME.get(name)
        if kind is None or not issubclass(kind, faults.STANDING):
            raise ValueError(f"{name!r} is not a standing fault")
        self.standing.pop(name, None)
        self._note(name, kind(), on=False)
        self._end(kind)

    # Keys and admission

    @singledispatchmethod
    def _apply(self, fault: faults.Fault) -> None:
        raise NotImplementedError(type(fault).__name__)

    @_apply.register
    def _(self, fault: faults.Rotate) -> None:
        self._accounts.rotate(fault.account, self._tape.clock(), int(fault.grace_s * NS_PER_S))
        if fault.cut:
            self._reset(self._of(None, fault.account))

    @_apply.register
    def _(self, fault: faults.Revoke) -> None:
        self._accounts.revoke(fault.account)
        if fault.cut:
            self._reset(self._of(None, fault.account))

    @_apply.register
    def _(self, fault: faults.ConnectionLimit) -> None:
        self._stream.admission.limit = fault.limit
        self._stream.admission.linger_s = fault.linger_s

    @_apply.register
    def _(self, fault: faults.Refuse) -> None:
        self._stream.refuse_until_ns = self._tape.clock() + int(fault.seconds * NS_PER_S)

    @_apply.register
    def _(self, fault: faults.PartialAck) -> None:
        self._stream.partial_ack = frozenset(fault.symbols)

    # Connections

    @_apply.register
    def _(self, fault: faults.Drop) -> None:
        for connection in self._of(fault.conn, fault.account):
            connection.reset() if fault.how == "reset" else connection.close()

    @_apply.register
    def _(self, fault: faults.HalfOpen) -> None:
        for connection in self._of(fault.conn, fault.account):
            self._stream.abandon(connection)

    @_apply.register
    def _(self, fault: faults.SlowClient) -> None:
        for connection in self._of(fault.conn, fault.account):
            connection.fail(Code.SLOW_CLIENT)

    @_apply.register
    def _(self, fault: faults.SendError) -> None:
        for connection in self._of(fault.conn, fault.account):
            connection.fail(Code(fault.code))

    # Delivery

    @_apply.register
    def _(self, fault: faults.Mute) -> None:
        self._disturb(muted=delivery.channels_or_all(fault.channels))

    @_apply.register
    def _(self, fault: faults.Delay) -> None:
        self._disturb(delay_ns=fault.ms * NS_PER_MS)

    @_apply.register
    def _(self, fault: faults.OutOfOrder) -> None:
        self._disturb(disorder_ns=fault.max_ms * NS_PER_MS, disorder_probability=fault.probability)

    @_apply.register
    def _(self, fault: faults.Duplicates) -> None:
        self._disturb(duplicate_probability=fault.probability)
        self._resend_ns = int(fault.resend_s * NS_PER_S)

    # Frames

    @_apply.register
    def _(self, fault: faults.Malformed) -> None:
        receivers = self._subscribed()
        for kind in fault.kinds:
            for connection in receivers:
                for _ in range(fault.count):
                    connection.send_frame(_BAD_FRAMES[kind] if connection.codec.text else _BAD_MSGPACK)
        self._note_injected("malformed", len(fault.kinds) * fault.count * len(receivers))

    @_apply.register
    def _(self, fault: faults.UnknownType) -> None:
        self._add_to_next_frame("unknown_type", [_UNKNOWN] * fault.count)

    @_apply.register
    def _(self, fault: faults.Oversized) -> None:
        self._add_to_next_frame("oversized", [b'{"T":"zz","S":"AAPL","pad":"%b"}' % (b"x" * fault.bytes)])

    @_apply.register
    def _(self, fault: faults.Fragmented) -> None:
        for connection in self._subscribed():
            connection.fragment_next(fault.frames, fault.pieces)

    # Events and history

    @_apply.register
    def _(self, fault: faults.UnknownKeys) -> None:
        trade = self._tape.recent.newest()
        if trade is not None:
            now, extra = self._tape.clock(), {"zz": {"nested": [1, None]}, "yy": "unknown"}
            self._tape.happen([changes.another(trade, now, next(self._ids), extra) for _ in range(fault.count)])

    @_apply.register
    def _(self, fault: faults.Cancel) -> None:
        now = self._tape.clock()
        self._tape.happen([changes.cancel(trade, now) for trade in self._tape.recent.take(fault.count)])

    @_apply.register
    def _(self, fault: faults.Correct) -> None:
        now, trades = self._tape.clock(), self._tape.recent.take(fault.count, stocks_only=True)
        self._tape.happen([changes.correction(trade, now, next(self._ids)) for trade in trades])

    @_apply.register
    def _(self, fault: faults.Unquoted) -> None:
        self._tape.unquoted = frozenset(fault.symbols)

    @_apply.register
    def _(self, fault: faults.HistoryError) -> None:
        until = None if fault.seconds is None else self._tape.clock() + int(fault.seconds * NS_PER_S)
        self._history_api.fault = HistoryFault(fault.status, fault.requests, until)

    def _end(self, kind: type[faults.Fault]) -> None:
        if kind is faults.ConnectionLimit:
            self._stream.admission.limit = self._stream.settings.connection_limit
            self._stream.admission.linger_s = 0.0
        elif kind is faults.Mute:
            self._disturb(muted=frozenset())
        elif kind is faults.Delay:
            self._disturb(delay_ns=0)
        elif kind is faults.OutOfOrder:
            self._disturb(disorder_ns=0, disorder_probability=0.0)
        elif kind is faults.Duplicates:
            self._disturb(duplicate_probability=0.0)
            self._resend_ns = 0
        elif kind is faults.HistoryError:
            self._history_api.fault = None
        elif kind is faults.Refuse:
            self._stream.refuse_until_ns = 0
        elif kind is faults.PartialAck:
            self._stream.partial_ack = frozenset()
        elif kind is faults.Unquoted:
            self._tape.unquoted = frozenset()

    def _of(self, conn: int | None, account: int | None) -> list[Connection]:
        return [
            connection
            for connection in self._stream.connections()
            if conn in (None, connection.number) and account in (None, connection.session.account)
        ]

    def _subscribed(self) -> list[Connection]:
        return [connection for connection in self._stream.connections() if connection.subscribed]

    def _reset(self, connections: Iterable[Connection]) -> None:
        for connection in connections:
            connection.reset()

    def _disturb(self, **changed: object) -> None:
        plan = self._stream.delivery.disturbance
        self._stream.delivery.disturbance = msgspec.structs.replace(plan, **changed)

    def _resend(self, connection: Connection) -> None:
        if self._resend_ns:
            connection.deliver(self._stream.delivery.recent(self._tape.clock() - self._resend_ns))

    def _add_to_next_frame(self, what: str, messages: list[bytes]) -> None:
        receivers = self._subscribed()
        for connection in receivers:
            connection.add_to_next_frame(messages)
        self._note_injected(what, len(messages) * len(receivers))

    def _note_injected(self, what: str, number: int) -> None:
        self._tape.ledger.note("inject", self._tape.clock(), what=what, count=number)

    def _note(self, name: str, fault: faults.Fault, *, on: bool) -> None:
        arguments = {field: value for field, value in msgspec.to_builtins(fault).items() if field != "name"}
        self._tape.ledger.note("fault", self._tape.clock(), name=name, args=arguments, on=on)
        self._tape.ledger.flush(self._tape.clock())
