"""One procedure at a time on an installation, whatever machines people sit at: a Lease beside the forwarder's.

A run holds it from beginning to end and renews it. Whoever finds it held watches it: if it is renewed, somebody works;
if it is not for its whole term, its holder died. A run that loses it (the API server was away for longer than the
term) is stopped where it is, as by a kill, and resumed later: every step bears that.
"""

from __future__ import annotations

import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from torghut.forwarder.kubernetes_lease import KubernetesLease
from torghut.forwarder.lease import LeaseLost
from torghut.ops.errors import HeldError
from torghut.ops.lock import FileLock
from torghut.platform.kubernetes.coordination import LeaseObject, Reading
from torghut.platform.waiting import wait_until
from torghut.targets.kubernetes.place import Place, answers

NAME: Final = "torghut-procedures"
TERM_S: Final = 15.0
_TIMEOUT_S: Final = TERM_S / 4
_LOOK_S: Final = 1.0
_PATIENCE_S: Final = 3 * TERM_S


@dataclass(frozen=True)
class LeaseLock:
    """The lock of an installation. `here` is this machine's, asked first: its answer is immediate."""

    place: Place
    here: FileLock

    @contextmanager
    def held(self, holder: str) -> Iterator[None]:
        """Hold it in the block.

        Raises:
            HeldError: somebody else does, or it was lost in between.
            RefusedError: there is no such Lease, or no right to it.
            UnavailableError: the API server or the repository's upstream does not answer.
        """
        with self.here.held(holder), self.place.access.client(_TIMEOUT_S) as client:
            shared = LeaseObject(client, self.place.namespace, NAME)
            # Another name for every process: a holder must not take its predecessor's term for its own.
            lease = KubernetesLease(shared, f"{holder} at {socket.gethostname()} ({secrets.token_hex(3)})", TERM_S)
            _take(shared, lease)
            try:
                with _Renewal(lease):
                    with answers():
                        self.place.git.refresh()  # what the run before this one pushed, from wherever
                    yield
            finally:
                lease.release()


def _take(shared: LeaseObject, lease: KubernetesLease) -> None:
    first = _read(shared)

    def mine() -> bool:
        if lease.acquire():
            return True
        now = _read(shared)
        if now.version != first.version and now.term.holder_identity:
            raise HeldError(f"another procedure works on this target: {now.term.holder_identity}; wait until it ends")
        return False

    try:
        wait_until(mine, _PATIENCE_S, NAME, _LOOK_S)
    except TimeoutError as error:
        holder = first.term.holder_identity or "nobody"
        raise HeldError(f"lease/{NAME} of {holder} could not be taken in {_PATIENCE_S:g} s: try again") from error


def _read(shared: LeaseObject) -> Reading:
    with answers():
        return shared.read()


class _Renewal:
    """Renews while the block runs; ends the block when the lease is lost."""

    def __init__(self, lease: KubernetesLease) -> None:
        self._lease = lease
        self._over = threading.Event()
        self._lost = ""
        self._worker = threading.get_ident()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._over.set()
        self._thread.join()
        if self._lost and kind is KeyboardInterrupt:
            raise HeldError(f"{self._lost}: the run was stopped where it was, resume it") from error

    def _renew(self) -> None:
        while not self._over.wait(TERM_S / 3):
            try:
                self._lease.renew()
            except LeaseLost as lost:
                self._lost = str(lost)
                signal.pthread_kill(self._worker, signal.SIGINT)
                return
