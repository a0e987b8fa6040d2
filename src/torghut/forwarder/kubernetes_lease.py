"""The lease in a Kubernetes Lease object.

No clock of another machine is believed. A standby measures by its own clock how long the object has not changed, from
the answer in which it first saw it so; a holder measures its term from before it asked. So the standby's wait begins
later and ends later than the term it waits for, whatever the network did. A change goes through only against the
version that was read, so of two who find the lease vacant one gets it.

Death is seen by time alone. A holder that cannot reach the API server goes on until its term is up, and no longer.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Final

import msgspec
import structlog

from torghut.forwarder.lease import LeaseLost, boot_clock
from torghut.platform.errors import KubernetesError
from torghut.platform.kubernetes.coordination import LeaseConflictError, LeaseObject, Reading, Term, micro_time

_log = structlog.get_logger()
_FREE: Final = Term()


class _Seen(msgspec.Struct, frozen=True):
    """A version of the object, and since when on our clock we know it."""

    version: str
    since: float


class KubernetesLease:
    """A lease that instances on different machines share. `holder` must be another one for every process."""

    def __init__(self, lease: LeaseObject, holder: str, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self.retry_s = ttl_s / 8
        self._lease = lease
        self._holder = holder
        self._seen = _Seen("", 0.0)
        self._version = ""
        self._until = 0.0
        self._outlast = 0.0
        self._trouble = ""
        self._closed = False
        self._turn = threading.Lock()

    def acquire(self) -> bool:
        """Take the lease, if it is free or did not change for as long as its holder asked for."""
        with self._turn:
            if self._closed:
                return False
            try:
                found = self._lease.read()
                return self._vacant(found) and self._take(found.version)
            except LeaseConflictError:
                return False  # another was faster
            except KubernetesError as error:
                self._report(str(error))
                return False

    def renew(self) -> None:
        """Write the new time. Without an answer the term stays as it is: there are more attempts before it ends."""
        with self._turn:
            if boot_clock() >= self._until:
                raise self._lost(f"ran out {boot_clock() - self._until:.1f} s ago")
            try:
                self._write()
            except KubernetesError as error:
                self._report(str(error))
            if boot_clock() >= self._until:
                raise self._lost("ran out while it was being renewed")

    def remaining_s(self) -> float:
        """Seconds until our term ends."""
        return self._until - boot_clock()

    def outlast(self, seconds: float) -> None:
        """Ask for a longer term from the next renewal on; we ourselves keep to `ttl_s`."""
        self._outlast = max(self._outlast, boot_clock() + seconds)

    def release(self) -> None:
        """Leave the object without a holder (or to time, while it outlasts us); it is not taken again."""
        with self._turn:
            self._closed = True
            held, self._until = self.remaining_s() > 0, 0.0
            if held:
                try:
                    self._lease.change(self._version, self._term() if self._outlast > boot_clock() else _FREE)
                except KubernetesError as error:
                    self._report(str(error))

    def _vacant(self, found: Reading) -> bool:
        """Whether nobody holds it, or its holder was silent for its whole term."""
        now = boot_clock()  # after the answer: see above
        if found.version != self._seen.version:
            self._seen = _Seen(found.version, now)
        if not found.term.holder_identity:
            return True
        return now - self._seen.since >= max(found.term.lease_duration_seconds or 0, self.ttl_s)

    def _take(self, version: str) -> bool:
        begun = boot_clock()
        self._version = self._lease.change(version, self._term()).version
        self._until = begun + self.ttl_s
        self._trouble = ""
        return self.remaining_s() > 0

    def _write(self) -> None:
        begun = boot_clock()
        try:
            self._version = self._lease.change(self._version, self._term()).version
        except LeaseConflictError:
            # Not always a successor: an earlier answer of ours got lost, or somebody labelled the object.
            found = self._lease.read()
            if found.term.holder_identity != self._holder:
                raise self._lost(f"was taken by {found.term.holder_identity}") from None
            self._version = self._lease.change(found.version, self._term()).version
        self._until = begun + self.ttl_s
        self._trouble = ""

    def _term(self) -> Term:
        asked_s = max(self.ttl_s, self._outlast - boot_clock())
        return Term(self._holder, math.ceil(asked_s), micro_time(time.time_ns()))

    def _lost(self, how: str) -> LeaseLost:
        self._until = 0.0
        return LeaseLost(f"the lease of {self._holder} {how}")

    def _report(self, trouble: str) -> None:
        """Each trouble once, not once for each attempt."""
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("lease", detail=trouble)
