"""What the reasons of the status record mean, in words, and which procedure deals with them."""

from __future__ import annotations

from typing import Final, NamedTuple

from torghut.wire.status import Reason


class Meaning(NamedTuple):
    """A sentence's core, and the procedure to run (None: nothing to do, or it heals by itself)."""

    words: str
    procedure: str | None = None


_MEANINGS: Final[dict[Reason, Meaning]] = {
    Reason.OK: Meaning("subscribed and producing"),
    Reason.STARTING: Meaning("starting"),
    Reason.STANDBY: Meaning("standing by: another instance holds the lease"),
    Reason.ALPACA_AUTH: Meaning("Alpaca refuses the keys (402)", "alpaca-rotation"),
    Reason.ALPACA_NOT_AUTHENTICATED: Meaning("Alpaca says the connection is not logged in (401)", "alpaca-rotation"),
    Reason.ALPACA_CONNECTION_LIMIT: Meaning("another connection of this account holds the feed (406)", "alpaca-406"),
    Reason.ALPACA_SYMBOL_LIMIT: Meaning("the plan does not cover that many symbols (405)"),
    Reason.ALPACA_SLOW_CLIENT: Meaning("Alpaca ended the connection: read too slowly (407)", "lag-spike"),
    Reason.ALPACA_SUBSCRIPTION: Meaning("the plan does not cover this feed (409)"),
    Reason.ALPACA_UNREACHABLE: Meaning("Alpaca is not reached; trying again"),
    Reason.STALE_FEED: Meaning("the connection is open but nothing comes; reconnecting", "lag-spike"),
    Reason.ALPACA_HISTORY: Meaning("a gap cannot be repaired: the history API refuses", "alpaca-rotation"),
    Reason.KAFKA_UNREACHABLE: Meaning("Kafka is not reached", "kafka-produce-failure"),
    Reason.KAFKA_TLS: Meaning("Kafka's certificate is not accepted", "kafka-produce-failure"),
    Reason.KAFKA_AUTH: Meaning("Kafka refuses the password", "kafka-produce-failure"),
    Reason.KAFKA_ACL: Meaning("Kafka does not allow the write", "kafka-produce-failure"),
    Reason.KAFKA_TOPIC: Meaning("a topic is missing or takes no records", "kafka-produce-failure"),
    Reason.KAFKA_FULL: Meaning("the queue to Kafka is full", "kafka-produce-failure"),
    Reason.REPAIRING: Meaning("filling a gap from history"),
    Reason.SHUTDOWN: Meaning("shutting down"),
}


def meaning(reason: str) -> Meaning:
    """What a reason means; one that is not known yet means itself."""
    try:
        return _MEANINGS[Reason(reason)]
    except ValueError:
        return Meaning(reason.replace("_", " "))


def duration(seconds: float) -> str:
    """A time span as people say it: `4 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
