"""The forwarder's own settings, beside those of Kafka and Alpaca in `torghut.config`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from torghut.config import Settings


class ForwarderSettings(Settings):
    """Durations end in their unit. The lease is always longer than the delivery timeout: see `docs/decisions`."""

    instance: str = Field(
        default_factory=socket.gethostname,
        alias="INSTANCE",
        description="a name of this instance: letters, digits, dots and dashes",
        pattern=r"^[A-Za-z0-9.-]{1,63}$",
    )
    reconnect_base_ms: int = Field(
        500, alias="RECONNECT_BASE_MS", description="milliseconds, 10 to 60000", ge=10, le=60_000
    )
    reconnect_max_ms: int = Field(
        30_000, alias="RECONNECT_MAX_MS", description="milliseconds, 100 to 30000", ge=100, le=30_000
    )
    stale_after_s: float = Field(15.0, alias="STALE_AFTER_S", description="seconds, at least 1", ge=1)
    market_calendar: Literal["feed", "always"] = Field(
        "feed",
        alias="MARKET_CALENDAR",
        description="feed (the hours of the feed's market) or always (a simulated one)",
    )
    dedup_window_s: float = Field(120.0, alias="DEDUP_WINDOW_S", description="seconds, at least 1", ge=1)
    dedup_capacity: int = Field(400_000, alias="DEDUP_CAPACITY", description="events, at least 1000", ge=1000)
    repair_max_s: float = Field(900.0, alias="REPAIR_MAX_S", description="seconds, 0 or more", ge=0)
    queue_max_records: int = Field(
        200_000, alias="QUEUE_MAX_RECORDS", description="a number of records, at least 1000", ge=1000
    )
    linger_ms: float = Field(5.0, alias="KAFKA_LINGER_MS", description="milliseconds, 0 to 1000", ge=0, le=1000)
    delivery_timeout_ms: int = Field(
        5_000, alias="KAFKA_DELIVERY_TIMEOUT_MS", description="milliseconds, at least 1000", ge=1000
    )
    lease_ttl_s: float = Field(8.0, alias="LEASE_TTL_S", description="seconds, above the delivery timeout", gt=0)
    lease_file: Path = Field(
        Path(".torghut/data/forwarder.lease"), alias="LEASE_FILE", description="a path on a local disk"
    )
    lease_name: str | None = Field(
        None,
        alias="LEASE_NAME",
        description="the name of a Kubernetes Lease in the pod's namespace",
        pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$",
    )
    health_host: str = Field(
        "127.0.0.1",
        alias="HEALTH_HOST",
        description="the address that health and metrics listen on; 0.0.0.0 in a pod",
        min_length=1,
    )
    health_port: int = Field(8080, alias="HEALTH_PORT", description="a TCP port", ge=0, le=65535)
    metrics_port: int = Field(9108, alias="METRICS_PORT", description="a TCP port", ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["json", "console"] = Field("json", alias="LOG_FORMAT", description="json or console")

    @model_validator(mode="after")
    def _lease_outlives_delivery(self) -> ForwarderSettings:
        if self.lease_ttl_s * 1000 < self.delivery_timeout_ms * 1.5:
            raise ValueError(
                f"LEASE_TTL_S={self.lease_ttl_s} is too short: wanted at least 1.5 times "
                f"KAFKA_DELIVERY_TIMEOUT_MS={self.delivery_timeout_ms}; set one of them"
            )
        return self
