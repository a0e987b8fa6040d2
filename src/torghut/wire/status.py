"""Status records: what the forwarder and the TA job say about themselves, in words that name the cause."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec


class Reason(StrEnum):
    """Why the forwarder is as it is. A consumer must stand reasons that it does not know."""

    OK = "ok"
    STARTING = "starting"
    STANDBY = "standby"
    ALPACA_AUTH = "alpaca_auth"
    ALPACA_NOT_AUTHENTICATED = "alpaca_not_authenticated"
    ALPACA_CONNECTION_LIMIT = "alpaca_connection_limit"
    ALPACA_SYMBOL_LIMIT = "alpaca_symbol_limit"
    ALPACA_SLOW_CLIENT = "alpaca_slow_client"
    ALPACA_SUBSCRIPTION = "alpaca_subscription"
    ALPACA_UNREACHABLE = "alpaca_unreachable"
    STALE_FEED = "stale_feed"
    ALPACA_HISTORY = "alpaca_history"
    KAFKA_UNREACHABLE = "kafka_unreachable"
    KAFKA_TLS = "kafka_tls"
    KAFKA_AUTH = "kafka_auth"
    KAFKA_ACL = "kafka_acl"
    KAFKA_TOPIC = "kafka_topic"
    KAFKA_FULL = "kafka_full"
    REPAIRING = "repairing"
    SHUTDOWN = "shutdown"


State: TypeAlias = Literal["reconnect", "healthy", "error"]
LeaseRole: TypeAlias = Literal["active", "standby"]


class ForwarderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A record of `torghut.status.v1`, and the body of `/readyz` while Kafka cannot be written.

    `lag_ms` is null until something arrived; `ts` is when the state was entered or the heartbeat made, ns.
    """

    component: str
    instance: str
    status: State
    reason: Reason
    detail: str
    attempt: int
    lag_ms: float | None
    role: LeaseRole
    ts: int


class CheckpointState(msgspec.Struct, frozen=True, kw_only=True):
    """The newest checkpoint: its age and duration in ms, and how many failed."""

    id: int | None
    age_ms: float | None
    duration_ms: float | None
    failed: int


class TaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A record of `torghut.ta.status.v1`, written beside the job every second.

    `status` is RUNNING when all is well; else Flink's word, or STARTING, STALLED (checkpoints fail, so nothing is
    committed), UNREACHABLE. `reason` is `ok`, or the cause in a sentence.
    """

    job: str
    version: str
    status: str
    reason: str = "ok"
    watermark_lag_ms: float | None
    last_event_ts: int | None
    records_in: int
    records_out: int
    late_records: int
    idle_partitions: list[int]
    checkpoint: CheckpointState
    ts: int
