"""What the job is told by its environment."""

from __future__ import annotations

from pydantic import Field

from torghut.config import Settings
from torghut.job.clock import Bounds
from torghut.job.shard import Rules


class JobSettings(Settings):
    """The job's own variables. How Kafka is reached stands in `config.KafkaSettings`."""

    watermark_ms: int = Field(2000, alias="TA_WATERMARK_MS", description="milliseconds, 0 to 60000", ge=0, le=60_000)
    idle_ms: int = Field(30_000, alias="TA_IDLE_TIMEOUT_MS", description="milliseconds, at least 100", ge=100)
    revision_s: int = Field(60, alias="TA_REVISION_S", description="seconds, 0 to 400", ge=0, le=400)
    reset_on_session: bool = Field(False, alias="TA_RESET_ON_SESSION", description="true or false")
    transaction_timeout_ms: int = Field(
        900_000,
        alias="TA_TRANSACTION_TIMEOUT_MS",
        description="milliseconds, 1000 to 900000, which is the most that Kafka allows by default",
        ge=1000,
        le=900_000,
    )
    parallelism: int = Field(1, alias="TA_PARALLELISM", description="slots, at most the number of partitions", ge=1)
    job_id: str = Field(
        "7a000000000000000000000000000001",
        alias="TA_JOB_ID",
        description="32 hexadecimal digits",
        pattern=r"^[0-9a-f]{32}$",
    )
    tag: str = Field("dev", alias="TA_TAG", description="the job's version", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")

    def rules(self, topic_prefix: str) -> Rules:
        """What a shard goes by."""
        return Rules(
            bounds=Bounds(watermark_ms=self.watermark_ms, idle_ms=self.idle_ms),
            revision_s=self.revision_s,
            reset_on_session=self.reset_on_session,
            topic_prefix=topic_prefix,
        )
