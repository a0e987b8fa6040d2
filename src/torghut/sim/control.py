"""A typed client of the control API: one method per fault. Tests, drills and the command line use it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, Self

import httpx
import msgspec

from torghut.platform.waiting import wait_until
from torghut.sim import ControlError
from torghut.sim.control_api import Pause, SimState
from torghut.sim.faults import Malformation
from torghut.sim.settings import Endpoints

_TIMEOUT_S = 10.0


class SimControl:
    """Orders to one running simulator. Every method returns when the order is carried out and on record.

    Raises (all methods):
        ControlError: the simulator refused, or cannot be reached.
    """

    def __init__(self, control_url: str) -> None:
        """`control_url` is the base, without `/control`."""
        # Loopback is never reached through a proxy, whatever the environment says.
        self._http = httpx.Client(base_url=control_url, timeout=_TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    # State

    def healthy(self) -> bool:
        """Whether it answers."""
        try:
            return self._http.get("/control/health").is_success
        except httpx.HTTPError:
            return False

    def state(self) -> SimState:
        """Connections, counts, rate, standing faults, whether a replay is finished."""
        return msgspec.json.decode(self._call("GET", "/control/state"), type=SimState)

    def endpoints(self) -> Endpoints:
        """Where it listens."""
        return msgspec.json.decode(self._call("GET", "/control/endpoints"), type=Endpoints)

    def wait_subscribed(self, deadline_s: float = 30.0, connections: int = 1) -> None:
        """Wait until so many connections have an acknowledged subscription."""
        wait_until(
            lambda: sum(any(c.state.values()) for c in self.state().connections) >= connections,
            deadline_s,
            f"{connections} subscribed connection(s) to the simulator",
        )

    def wait_finished(self, deadline_s: float) -> None:
        """Wait until a replay has played its recording."""
        wait_until(lambda: self.state().finished, deadline_s, "the end of the replay")

    # The market

    def happen(self, messages: Sequence[dict[str, Any] | bytes]) -> None:
        """These Alpaca messages (with `T`, `S` and `t`) happen now; bytes go out textually as they are."""
        texts = [message if isinstance(message, bytes) else msgspec.json.encode(message) for message in messages]
        self._call("POST", "/control/events", b"[" + b",".join(texts) + b"]")

    def pause(self, for_s: float | None = None, *, trickle: bool = False) -> None:
        """Stop generation or replay; with `for_s` no longer than so many seconds, with `trickle` not quite."""
        self._call("POST", "/control/pause", msgspec.json.encode(Pause(for_s, trickle)))

    def resume(self) -> None:
        """Let it go on."""
        self._call("POST", "/control/resume")

    # Faults

    def fault(self, name: str, **arguments: object) -> None:
        """Any fault by name; see `torghut.sim.faults`."""
        self._call("POST", f"/control/faults/{name}", msgspec.json.encode(arguments))

    def clear(self, name: str) -> None:
        """End a standing fault."""
        self._call("DELETE", f"/control/faults/{name}")

    def rotate(self, account: int = 0, *, grace_s: float = 0.0, cut: bool = False) -> None:
        """A new key pair in the account's files."""
        self.fault("rotate", account=account, grace_s=grace_s, cut=cut)

    def revoke(self, account: int = 0, *, cut: bool = False) -> None:
        """The account's keys are worth nothing."""
        self.fault("revoke", account=account, cut=cut)

    def connection_limit(self, limit: int = 1, *, linger_s: float = 0.0) -> None:
        """Limit connections; ended ones still count for `linger_s`."""
        self.fault("connection_limit", limit=limit, linger_s=linger_s)

    def mute(self, *channels: str) -> None:
        """Silence on these channels, or on all."""
        self.fault("mute", channels=channels)

    def unmute(self) -> None:
        """Sound again. What was not sent meanwhile is not made up for."""
        self.clear("mute")

    def drop(self, how: Literal["reset", "close"] = "reset", *, conn: int | None = None) -> None:
        """Break connections."""
        self.fault("drop", how=how, conn=conn)

    def half_open(self, *, conn: int | None = None) -> None:
        """Leave connections half open."""
        self.fault("half_open", conn=conn)

    def slow_client(self, *, conn: int | None = None) -> None:
        """Send 407 and close."""
        self.fault("slow_client", conn=conn)

    def error(self, code: int, *, conn: int | None = None) -> None:
        """Send any error code."""
        self.fault("error", code=code, conn=conn)

    def out_of_order(self, max_ms: int = 200, probability: float = 0.2) -> None:
        """Delay messages at random."""
        self.fault("out_of_order", max_ms=max_ms, probability=probability)

    def delay(self, ms: int) -> None:
        """Deliver everything late."""
        self.fault("delay", ms=ms)

    def duplicates(self, probability: float = 0.1, *, resend_s: float = 0.0) -> None:
        """Send trades and bars again."""
        self.fault("duplicates", probability=probability, resend_s=resend_s)

    def malformed(self, *kinds: Malformation, count: int = 1) -> None:
        """Send bad frames, of these kinds or of all."""
        self.fault("malformed", count=count, **({"kinds": kinds} if kinds else {}))

    def unknown_type(self, count: int = 1) -> None:
        """Mix messages of an unknown type into the next frame."""
        self.fault("unknown_type", count=count)

    def unknown_keys(self, count: int = 1) -> None:
        """Let trades with unknown members happen."""
        self.fault("unknown_keys", count=count)

    def fragmented(self, frames: int = 10, pieces: int = 3) -> None:
        """Send the next data frames in pieces."""
        self.fault("fragmented", frames=frames, pieces=pieces)

    def oversized(self, size_bytes: int = 2_000_000) -> None:
        """Make the next data frame this large."""
        self.fault("oversized", bytes=size_bytes)

    def history_error(self, status: int = 500, *, requests: int | None = None, seconds: float | None = None) -> None:
        """Let the history API fail."""
        self.fault("history_error", status=status, requests=requests, seconds=seconds)

    def refuse(self, seconds: float) -> None:
        """Refuse new stream connections."""
        self.fault("refuse", seconds=seconds)

    def partial_ack(self, *symbols: str) -> None:
        """Leave these symbols out of later subscriptions."""
        self.fault("partial_ack", symbols=symbols)

    def unquoted(self, *symbols: str) -> None:
        """Let nobody quote these symbols."""
        self.fault("unquoted", symbols=symbols)

    def cancel(self, count: int = 1) -> None:
        """Cancel the newest trades."""
        self.fault("cancel", count=count)

    def correct(self, count: int = 1) -> None:
        """Correct the newest stock trades."""
        self.fault("correct", count=count)

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            response = self._http.request(method, path, content=body)
        except httpx.HTTPError as error:
            raise ControlError(f"the simulator at {self._http.base_url} does not answer: {error!r}") from error
        if response.is_error:
            raise ControlError(f"the simulator refused {method} {path}: {response.text}")
        return response.content
