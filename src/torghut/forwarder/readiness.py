"""What the forwarder says about itself: two gates, one status. Pure.

Ready means subscribed *and* producing. The status names the one thing that keeps it from being ready; when several do,
the one nearest to the beginning of the pipeline that an operator can act on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from torghut.wire.status import ForwarderStatus, LeaseRole, Reason, State


class Gate(msgspec.Struct, frozen=True):
    """One side's state: open (`reason` ok) or why not."""

    reason: Reason
    detail: str = ""
    state: State = "reconnect"
    attempt: int = 0

    @property
    def open(self) -> bool:
        """Whether this side works."""
        return self.reason is Reason.OK


OPEN = Gate(Reason.OK, state="healthy")


class ReadyBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `/readyz`: the gates, and the status record's fields beside them."""

    ready: bool
    gates: dict[str, bool]
    component: str
    instance: str
    status: State
    reason: Reason
    detail: str
    attempt: int
    lag_ms: float | None
    role: LeaseRole
    ts: int


class Readiness:
    """Holds the gates and turns every change into a status record.

    Changes go to `changes`, oldest first, for whoever publishes them; it is bounded, and `dropped` counts what did
    not fit (the oldest go: the newest say what is so).
    """

    def __init__(self, instance: str, clock_ns: Callable[[], int], limit: int = 1000) -> None:
        self.changes: deque[ForwarderStatus] = deque(maxlen=limit)
        self.dropped = 0
        self.lag_ms: float | None = None
        self._instance = instance
        self._clock_ns = clock_ns
        self._role: LeaseRole = "standby"
        self._alpaca = self._kafka = Gate(Reason.STARTING)
        self._leaving = False
        self._last = self._record()
        self._note(self._last)

    @property
    def ready(self) -> bool:
        """Whether events flow: active, subscribed and acknowledged by Kafka."""
        return self._role == "active" and self._alpaca.open and self._kafka.open and not self._leaving

    @property
    def gates(self) -> dict[str, bool]:
        """Each side by name."""
        return {"alpaca": self._alpaca.open, "kafka": self._kafka.open}

    @property
    def current(self) -> ForwarderStatus:
        """The status now, with the present time and lag: what a heartbeat says."""
        return self._record()

    def role(self, role: LeaseRole) -> None:
        """The lease was taken or is waited for."""
        self._role = role
        self._update()

    def alpaca(self, gate: Gate) -> None:
        """The feed's side changed."""
        self._alpaca = gate
        self._update()

    def kafka(self, gate: Gate) -> None:
        """Kafka's side changed."""
        self._kafka = gate
        self._update()

    def leave(self) -> None:
        """The process was asked to end."""
        self._leaving = True
        self._update()

    def body(self) -> ReadyBody:
        """What `/readyz` answers."""
        fields = {name: getattr(self._record(), name) for name in ForwarderStatus.__struct_fields__}
        return ReadyBody(ready=self.ready, gates=self.gates, **fields)

    def _deciding(self) -> Gate:
        if self._leaving:
            return Gate(Reason.SHUTDOWN, state="reconnect")
        if self._role == "standby":
            blocked = self._kafka.reason not in {Reason.OK, Reason.STARTING}
            return self._kafka if blocked else Gate(Reason.STANDBY, "another instance holds the lease")
        # Kafka first: without it nothing the feed does can be kept, and the feed's gate may be closed because of it.
        if not self._kafka.open and self._kafka.reason is not Reason.STARTING:
            return self._kafka
        return self._kafka if self._alpaca.open else self._alpaca

    def _record(self) -> ForwarderStatus:
        gate = self._deciding()
        return ForwarderStatus(
            component="forwarder",
            instance=self._instance,
            status=gate.state,
            reason=gate.reason,
            detail=gate.detail,
            attempt=gate.attempt,
            lag_ms=self.lag_ms,
            role=self._role,
            ts=self._clock_ns(),
        )

    def _update(self) -> None:
        record = self._record()
        if _said(record) != _said(self._last):
            self._last = record
            self._note(record)

    def _note(self, record: ForwarderStatus) -> None:
        self.dropped += len(self.changes) == self.changes.maxlen
        self.changes.append(record)


def _said(record: ForwarderStatus) -> tuple[object, ...]:
    return record.status, record.reason, record.detail, record.attempt, record.role
