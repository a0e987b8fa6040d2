"""The client's side of one connection: welcome, login, subscriptions, data, errors; see docs/protocol.md.

Source of the rules: Alpaca's documentation of the real-time stream, and what was observed of it. The caller owns the
socket and the clock: it reports what happens (`opened`, `received`, `tick`, `closed`) and carries out the outputs in
order. `now` is always monotonic seconds. A session serves one connection and is not used again.

Requests are sent one at a time, the next after the answer to the last, so that an error belongs to a known request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final, assert_never

import msgspec

from torghut.feed.errors import CODES, ENDING, UNKNOWN_CODE, Recovery
from torghut.feed.messages import Acknowledgement, Control, Error, Message, Reject, Success, parse_frame
from torghut.feed.outputs import Authenticated, Close, Data, Failed, Output, Rejected, Send, Subscribed
from torghut.feed.subscription import Action, Subscription
from torghut.wire.status import Reason

__all__ = [
    "Authenticated",
    "Close",
    "Data",
    "Failed",
    "Keys",
    "Output",
    "Recovery",
    "Rejected",
    "Send",
    "Session",
    "State",
    "Subscribed",
    "Subscription",
    "Timeouts",
]

SYMBOLS_AT_ONCE: Final = 250
"""Symbols in one request: with six channels about 12 kB, below what servers take for a client's frame."""

_GOING_AWAY: Final = 1001
_PROTOCOL_ERROR: Final = 1002
_NORMAL: Final = 1000


class Keys(msgspec.Struct, frozen=True):
    """The key pair, read anew for each login and not kept. Never shown."""

    key_id: str
    secret_key: str

    def __repr__(self) -> str:
        return "Keys(...)"


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds to wait for the server's welcome, for the answer to a login, for the answer to a request.

    `missing_s` is how long to wait before asking again for what a partial acknowledgement left out.
    """

    welcome_s: float = 10.0
    login_s: float = 10.0
    request_s: float = 10.0
    missing_s: float = 30.0


class State(Enum):
    """Where a connection is in its life: what it waits for, or that it streams."""

    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    SUBSCRIBING = "subscribing"
    STREAMING = "streaming"
    CLOSED = "closed"


class _Request(msgspec.Struct, frozen=True):
    action: Action
    what: Subscription


class Session:
    """The state machine. Every method returns the outputs it leads to, often none."""

    def __init__(self, wanted: Subscription, keys: Callable[[], Keys], timeouts: Timeouts | None = None) -> None:
        """Prepare for one connection.

        Args:
            wanted: what to subscribe to.
            keys: called for each login; what it raises passes through `received`.
            timeouts: how long to wait for the server.
        """
        self.state = State.CONNECTING
        self.subscription = Subscription()
        self._wanted = wanted
        self._keys = keys
        self._timeouts = timeouts or Timeouts()
        self._deadline: float | None = None
        self._logins = 0
        self._changed = False
        self._refusals = False
        self._queue: deque[_Request] = deque()
        self._pending: _Request | None = None

    @property
    def missing(self) -> Subscription:
        """What is wanted and not covered by the server's last acknowledgement."""
        return self._wanted.not_covered_by(self.subscription)

    def opened(self, now: float) -> list[Output]:
        """The WebSocket is open: the welcome has to come."""
        self._deadline = now + self._timeouts.welcome_s
        return []

    def received(self, frame: bytes, now: float) -> list[Output]:
        """A text frame arrived, whole."""
        parsed = parse_frame(frame)
        if self.state is State.STREAMING and not parsed.controls and not parsed.rejects:
            return [Data(parsed.messages)]
        outputs = _contents(parsed.messages, parsed.rejects)
        if self.state is State.CONNECTING and not parsed.controls:
            return outputs + self._end(Reason.ALPACA_UNREACHABLE, "the first frame was no welcome", _PROTOCOL_ERROR)
        for control in parsed.controls:
            outputs += self._control(control, now)
        return outputs

    def tick(self, now: float) -> list[Output]:
        """Time passed. To be called about once a second."""
        if self._deadline is None or now < self._deadline or self.state is State.CLOSED:
            return []
        if self.state is State.STREAMING and self._pending is None:
            return self._ask_again(now)
        late = {State.CONNECTING: "welcome", State.AUTHENTICATING: "answer to the login"}
        what = late.get(self.state, "acknowledgement of a subscription")
        return self._end(Reason.ALPACA_UNREACHABLE, f"no {what} in time", _GOING_AWAY)

    def want(self, subscription: Subscription, now: float) -> list[Output]:
        """Change what is wanted without a new connection; also asks again for what is missing."""
        self._wanted = subscription
        self._refusals = False
        if self.state not in (State.SUBSCRIBING, State.STREAMING):
            return []
        self._changed = True
        return self._ask(now) if self._pending is None else []

    def closed(self, now: float, code: int | None = None) -> list[Output]:  # noqa: ARG002 - as the other methods
        """The connection is gone, with its WebSocket code if there was one."""
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        return [Failed(Reason.ALPACA_UNREACHABLE, None, f"connection closed (code {code})", Recovery.RECONNECT)]

    def _control(self, control: Control, now: float) -> list[Output]:
        if self.state is State.CLOSED:
            return []
        match control:
            case Success():
                return self._success(control, now)
            case Acknowledgement():
                return self._acknowledged(control.state, now)
            case Error():
                return self._error(control, now)
            case _:  # pragma: no cover
                assert_never(control)

    def _success(self, success: Success, now: float) -> list[Output]:
        if self.state is State.CONNECTING:
            if success.msg != "connected":
                return self._end(Reason.ALPACA_UNREACHABLE, "the first frame was no welcome", _PROTOCOL_ERROR)
            return self._log_in(now)
        if self.state is State.AUTHENTICATING and success.msg == "authenticated":
            return self._logged_in(now)
        return []

    def _log_in(self, now: float) -> list[Output]:
        keys = self._keys()
        self.state = State.AUTHENTICATING
        self._deadline = now + self._timeouts.login_s
        self._logins += 1
        login = {"action": "auth", "key": keys.key_id, "secret": keys.secret_key}
        return [Send(msgspec.json.encode(login))]

    def _logged_in(self, now: float) -> list[Output]:
        self._changed = True
        self.state = State.SUBSCRIBING
        return [Authenticated(), *self._ask(now)]

    def _plan(self) -> None:
        """Queue what leads from the acknowledged state to the wanted one: additions first, so that nothing gaps."""
        wanted, state = self._wanted, self.subscription
        self._changed = False
        self._queue.clear()
        self._queue.extend(_Request("subscribe", part) for part in wanted.less(state).parts(SYMBOLS_AT_ONCE))
        self._queue.extend(_Request("unsubscribe", part) for part in state.less(wanted).parts(SYMBOLS_AT_ONCE))

    def _ask(self, now: float) -> list[Output]:
        """Send the next request; without one, all is settled."""
        if self._changed:
            self._plan()
        if self._queue:
            self._pending = self._queue.popleft()
            self._deadline = now + self._timeouts.request_s
            return [Send(self._pending.what.request(self._pending.action))]
        self._pending = None
        self.state = State.STREAMING
        self._deadline = now + self._timeouts.missing_s if self.missing and not self._refusals else None
        return []

    def _ask_again(self, now: float) -> list[Output]:
        """Partial acknowledgements happen without an error. What was refused with one is not asked for again."""
        self._changed = True
        return self._ask(now)

    def _acknowledged(self, state: Subscription, now: float) -> list[Output]:
        if self.state not in (State.SUBSCRIBING, State.STREAMING):
            return []
        self.subscription = state
        return self._settle(now)

    def _settle(self, now: float) -> list[Output]:
        """Say how things stand, and go on with the next request if there is one."""
        sends = self._ask(now)
        return [self._subscribed(), *sends]

    def _subscribed(self) -> Subscribed:
        return Subscribed(self.subscription, self.missing, self._pending is None)

    def _error(self, error: Error, now: float) -> list[Output]:
        code = CODES.get(error.code, UNKNOWN_CODE)
        detail = f"{error.code} {error.msg or code.meaning}"
        if error.code == 401:
            return self._not_authenticated(detail, now)
        if error.code == 403 and self.state is State.AUTHENTICATING:
            return [Failed(code.reason, 403, detail, Recovery.KEEP), *self._logged_in(now)]
        if error.code in (400, 405, 410) and self._pending is not None:
            return self._refused(self._pending, error.code, detail, now)
        failed = Failed(code.reason, error.code, detail, code.recovery)
        if code.recovery in ENDING:
            self.state = State.CLOSED
            return [failed, Close(_NORMAL, detail)]
        return [failed]

    def _not_authenticated(self, detail: str, now: float) -> list[Output]:
        """401: something was asked before the login. Log in, once; a server that repeats it gets a new connection."""
        reason = Reason.ALPACA_NOT_AUTHENTICATED
        if self._logins > 1:
            self.state = State.CLOSED
            return [Failed(reason, 401, detail, Recovery.RECONNECT), Close(_NORMAL, detail)]
        self._pending = None
        return [Failed(reason, 401, detail, Recovery.AUTHENTICATE), *self._log_in(now)]

    def _refused(self, request: _Request, code: int, detail: str, now: float) -> list[Output]:
        """400, 405, 410: the request changed nothing and is not repeated as it was; the connection lives."""
        parts = list(request.what.by_channel())
        if code == 410 and len(parts) > 1:  # one channel that the feed lacks must not cost the others
            self._queue.extendleft(_Request(request.action, part) for part in reversed(parts))
            return self._ask(now)
        shrinking = any(later.action == "unsubscribe" for later in self._queue)
        if code == 405 and request.action == "subscribe" and shrinking:
            self._queue.append(request)  # there is room once the others are gone
            return self._ask(now)
        self._refusals = True
        failed = Failed(CODES[code].reason, code, detail, Recovery.KEEP)
        return [failed, *self._settle(now)]

    def _end(self, reason: Reason, detail: str, close_code: int) -> list[Output]:
        self.state = State.CLOSED
        return [Failed(reason, None, detail, Recovery.RECONNECT), Close(close_code, detail)]


def _contents(messages: list[Message], rejects: list[Reject]) -> list[Output]:
    outputs: list[Output] = []
    if messages:
        outputs.append(Data(messages))
    if rejects:
        outputs.append(Rejected(rejects))
    return outputs
