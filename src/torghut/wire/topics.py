"""The Kafka topics: what each holds, how it is keyed, split and kept, and who may do what with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

_DAY_MS: Final = 24 * 60 * 60 * 1000

PARTITIONER: Final = "murmur2_random"
"""librdkafka's name for the Java client's partitioner: the same symbol lands in the same partition number from
every producer, in Python and on the JVM."""


WRITTEN_MS: Final = "written_ms"
"""A header of the TA job's records: when it wrote them, ms since the epoch. The record's own timestamp is, as in all
topics, the ingest time."""


class Channel(StrEnum):
    """What a market-data record is about; the `channel` of its envelope."""

    TRADES = "trades"
    CORRECTIONS = "corrections"
    CANCEL_ERRORS = "cancel_errors"
    QUOTES = "quotes"
    BARS = "bars"
    UPDATED_BARS = "updated_bars"
    STATUSES = "statuses"
    LULDS = "lulds"
    TA_BARS = "ta.bars"
    TA_SIGNALS = "ta.signals"

    # Enum hashes by name in Python code; records are looked up by channel a hundred thousand times a second.
    __hash__ = str.__hash__


class Role(StrEnum):
    """A Kafka user of the system. Each gets the least it needs; the administrator is no role of a component."""

    FORWARDER = "forwarder"
    TA = "ta"
    AUDIT = "audit"


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of the contract. `partitions` are (local, cluster)."""

    name: str
    key: str
    partitions: tuple[int, int]
    retention_ms: int
    holds: str
    cleanup: str = "delete"
    writer: Role

    def config(self) -> dict[str, str]:
        """Topic-level configuration as Kafka's admin API takes it."""
        return {
            "retention.ms": str(self.retention_ms),
            "cleanup.policy": self.cleanup,
            # Old event times must not meet retention: records carry their ingest time, set by the producer.
            "message.timestamp.type": "CreateTime",
        }


def _topic(
    name: str,
    key: str,
    partitions: tuple[int, int],
    days: int,
    writer: Role,
    holds: str,
    cleanup: str = "delete",
) -> Topic:
    return Topic(
        name=name,
        key=key,
        partitions=partitions,
        retention_ms=days * _DAY_MS,
        holds=holds,
        cleanup=cleanup,
        writer=writer,
    )


TRADES: Final = _topic(
    "torghut.trades.v1", "symbol", (6, 12), 7, Role.FORWARDER, "trades, and their corrections and cancels"
)
QUOTES: Final = _topic("torghut.quotes.v1", "symbol", (6, 12), 7, Role.FORWARDER, "quotes")
BARS_1M: Final = _topic(
    "torghut.bars.1m.v1", "symbol", (6, 12), 30, Role.FORWARDER, "Alpaca's minute bars and updated bars"
)
MARKET_STATUS: Final = _topic(
    "torghut.market-status.v1",
    "symbol",
    (1, 3),
    7,
    Role.FORWARDER,
    "trading halts and resumptions, LULD bands",
)
STATUS: Final = _topic(
    "torghut.status.v1", "component/instance", (1, 1), 7, Role.FORWARDER, "forwarder status", "compact,delete"
)
TA_BARS_1S: Final = _topic(
    "torghut.ta.bars.1s.v1", "symbol", (6, 12), 14, Role.TA, "final 1-second micro-bars and their revisions"
)
TA_SIGNALS: Final = _topic(
    "torghut.ta.signals.v1", "symbol", (6, 12), 14, Role.TA, "final indicators and their revisions"
)
TA_PROVISIONAL: Final = _topic(
    "torghut.ta.provisional.v1",
    "symbol",
    (6, 12),
    1,
    Role.TA,
    "bars and indicators of the second in progress",
)
TA_STATUS: Final = _topic("torghut.ta.status.v1", "job id", (1, 1), 7, Role.TA, "TA job status")
DLQ: Final = _topic(
    "torghut.dlq.v1",
    "source",
    (1, 3),
    14,
    Role.FORWARDER,
    "what could not be understood, with reason and raw bytes",
)

TOPICS: Final = (
    TRADES,
    QUOTES,
    BARS_1M,
    MARKET_STATUS,
    STATUS,
    TA_BARS_1S,
    TA_SIGNALS,
    TA_PROVISIONAL,
    TA_STATUS,
    DLQ,
)

CHANNEL_TOPIC: Final[dict[Channel, Topic]] = {
    Channel.TRADES: TRADES,
    Channel.CORRECTIONS: TRADES,
    Channel.CANCEL_ERRORS: TRADES,
    Channel.QUOTES: QUOTES,
    Channel.BARS: BARS_1M,
    Channel.UPDATED_BARS: BARS_1M,
    Channel.STATUSES: MARKET_STATUS,
    Channel.LULDS: MARKET_STATUS,
    Channel.TA_BARS: TA_BARS_1S,
    Channel.TA_SIGNALS: TA_SIGNALS,
}
"""Where the (final) records of each channel go."""

WITHOUT_HISTORY: Final = frozenset({Channel.STATUSES, Channel.LULDS})
"""Channels that Alpaca's history API does not have: what is missed of them is missed for good."""


def written_ms(headers: Iterable[tuple[str, bytes | str | None]] | Mapping[str, bytes | str | None] | None) -> int:
    """When the TA job wrote a record with these headers, ms since the epoch; 0 where it does not say."""
    text = dict(headers or ()).get(WRITTEN_MS) or b"0"
    return int(text) if text.isdigit() else 0


def full_name(topic: Topic, prefix: str = "") -> str:
    """The topic's name on a broker where `TOPIC_PREFIX` is `prefix` (it stands before the name as it is)."""
    return prefix + topic.name
