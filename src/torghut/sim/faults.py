"""The faults that can be ordered, as values. Their names and fields are the control API's.

One-shot faults happen once; standing ones (`STANDING`) last until they are cleared. `conn` and `account` narrow a
fault to one connection or one account's; without them it meets all.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0.0)]
Malformation = Literal["invalid_json", "not_array", "wrong_type", "bad_time", "not_object"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, tag_field="name", forbid_unknown_fields=True):
    """What every fault has."""


class Targeted(Fault, frozen=True, kw_only=True):
    """A fault of connections."""

    conn: int | None = None
    account: int | None = None


class Rotate(Fault, frozen=True, kw_only=True, tag="rotate"):
    """A new key pair in the account's files; the old one dies after `grace_s`, open connections only with `cut`."""

    account: int = 0
    grace_s: NotNegative = 0.0
    cut: bool = False


class Revoke(Fault, frozen=True, kw_only=True, tag="revoke"):
    """The account's keys are worth nothing until they are rotated."""

    account: int = 0
    cut: bool = False


class ConnectionLimit(Fault, frozen=True, kw_only=True, tag="connection_limit"):
    """So many connections per account and endpoint; an ended one still counts for `linger_s`. Standing."""

    limit: Annotated[int, msgspec.Meta(ge=0)] = 1
    linger_s: NotNegative = 0.0


class Mute(Fault, frozen=True, kw_only=True, tag="mute"):
    """Connections stay open and silent, on these channels (Alpaca's names) or on all. Standing."""

    channels: tuple[str, ...] = ()


class Drop(Targeted, frozen=True, kw_only=True, tag="drop"):
    """Connections break, by TCP reset or by an orderly close."""

    how: Literal["reset", "close"] = "reset"


class HalfOpen(Targeted, frozen=True, kw_only=True, tag="half_open"):
    """The server neither reads nor writes any more but keeps the sockets."""


class SlowClient(Targeted, frozen=True, kw_only=True, tag="slow_client"):
    """407 and a close, as a client that reads too slowly gets it."""


class SendError(Targeted, frozen=True, kw_only=True, tag="error"):
    """Any error code, sent out of the blue; final codes also close."""

    code: int = 500


class OutOfOrder(Fault, frozen=True, kw_only=True, tag="out_of_order"):
    """Messages are late at random by up to `max_ms`. Standing."""

    max_ms: Positive = 200
    probability: Probability = 0.2


class Delay(Fault, frozen=True, kw_only=True, tag="delay"):
    """Everything is delivered late, in order. Standing."""

    ms: Positive = 500


class Duplicates(Fault, frozen=True, kw_only=True, tag="duplicates"):
    """Trades and bars come again; after a (re)connect also those of the last `resend_s`. Standing."""

    probability: Probability = 0.1
    resend_s: NotNegative = 0.0


class Malformed(Fault, frozen=True, kw_only=True, tag="malformed"):
    """Frames that are not what they should be, `count` of each kind, to every subscribed connection."""

    kinds: tuple[Malformation, ...] = ("invalid_json", "not_array", "wrong_type", "bad_time", "not_object")
    count: Positive = 1


class UnknownType(Fault, frozen=True, kw_only=True, tag="unknown_type"):
    """Messages of an unknown `T` in one frame with good ones."""

    count: Positive = 1


class UnknownKeys(Fault, frozen=True, kw_only=True, tag="unknown_keys"):
    """Good trades (they happen) with members that nobody knows."""

    count: Positive = 1


class Fragmented(Fault, frozen=True, kw_only=True, tag="fragmented"):
    """The next `frames` data messages of each connection come in `pieces` WebSocket frames."""

    frames: Positive = 10
    pieces: Positive = 3


class Oversized(Fault, frozen=True, kw_only=True, tag="oversized"):
    """The next data frame of each connection also holds an unknown message of this size."""

    bytes: Positive = 2_000_000


class HistoryError(Fault, frozen=True, kw_only=True, tag="history_error"):
    """The history API answers with `status`, for so many requests or seconds, or until cleared. Standing."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    requests: Positive | None = None
    seconds: NotNegative | None = None


class Refuse(Fault, frozen=True, kw_only=True, tag="refuse"):
    """New stream connections are refused (HTTP 503) for so long. Standing."""

    seconds: NotNegative = 5.0


class PartialAck(Fault, frozen=True, kw_only=True, tag="partial_ack"):
    """Later subscriptions to these symbols are left out of the acknowledgement and of delivery. Standing."""

    symbols: tuple[str, ...] = ()


class Unquoted(Fault, frozen=True, kw_only=True, tag="unquoted"):
    """Nobody quotes these symbols any more (quotes that do not happen). Standing."""

    symbols: tuple[str, ...] = ()


class Cancel(Fault, frozen=True, kw_only=True, tag="cancel"):
    """The newest trades that still stand are cancelled (events that happen)."""

    count: Positive = 1


class Correct(Fault, frozen=True, kw_only=True, tag="correct"):
    """The newest stock trades that still stand are corrected (events that happen)."""

    count: Positive = 1


AnyFault = (
    Rotate
    | Revoke
    | ConnectionLimit
    | Mute
    | Drop
    | HalfOpen
    | SlowClient
    | SendError
    | OutOfOrder
    | Delay
    | Duplicates
    | Malformed
    | UnknownType
    | UnknownKeys
    | Fragmented
    | Oversized
    | HistoryError
    | Refuse
    | PartialAck
    | Unquoted
    | Cancel
    | Correct
)

STANDING: Final = (ConnectionLimit, Mute, OutOfOrder, Delay, Duplicates, HistoryError, Refuse, PartialAck, Unquoted)

BY_NAME: Final[dict[str, type[Fault]]] = {str(kind.__struct_config__.tag): kind for kind in AnyFault.__args__}


def parse_fault(name: str, arguments: dict[str, object]) -> Fault:
    """The fault of that name (`-` and `_` are the same) with these fields.

    Raises:
        ValueError: there is no such fault, or a field is unknown or wrong.
    """
    name = name.replace("-", "_")
    if name not in BY_NAME:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(sorted(BY_NAME))}")
    try:
        return msgspec.convert({**arguments, "name": name}, BY_NAME[name])
    except msgspec.ValidationError as error:
        raise ValueError(f"fault {name}: {error}") from error
