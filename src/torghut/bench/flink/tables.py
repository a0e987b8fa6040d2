"""Source and sinks of the comparisons, configured as those of the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from torghut.config import KafkaSettings, load
from torghut.job.main import connection_properties
from torghut.job.settings import JobSettings
from torghut.platform.kafka.acls import group_prefix
from torghut.wire.topics import TRADES, Role, Topic, full_name

SETTINGS: Final = {
    "pipeline.object-reuse": "true",
    "pipeline.auto-watermark-interval": "20 ms",
    "execution.buffer-timeout.interval": "2 ms",
}

ODD: Final = "COALESCE(ARRAY_CONTAINS(payload.c, 'I'), FALSE)"
"""Whether a trade is an odd lot, which moves no price. The load has no other condition that matters."""


def tables(extra: Mapping[str, str]) -> tuple[StreamExecutionEnvironment, StreamTableEnvironment]:
    """An environment with one slot."""
    configuration = Configuration()
    for key, value in {**SETTINGS, **extra}.items():
        configuration.set_string(key, value)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.set_parallelism(1)
    return environment, StreamTableEnvironment.create(environment)


def source(kafka: KafkaSettings) -> str:
    """`trades`, decoded by Flink, with a watermark for each partition."""
    options = {
        **_kafka(kafka),
        "topic": full_name(TRADES, kafka.topic_prefix),
        "format": "json",
        "scan.startup.mode": "earliest-offset",
        "properties.group.id": f"{group_prefix(Role.TA, kafka.topic_prefix)}-comparison",
        "properties.fetch.max.wait.ms": "20",
        "properties.max.poll.records": "5000",
        "properties.commit.offsets.on.checkpoint": "false",
    }
    bound_ms = load(JobSettings).watermark_ms
    return f"""
        CREATE TABLE trades (
            symbol STRING, channel STRING, event_ts BIGINT, ingest_ts BIGINT, seq BIGINT,
            payload ROW<p DOUBLE, s DOUBLE, c ARRAY<STRING>>,
            happened AS TO_TIMESTAMP_LTZ(event_ts / 1000000, 3),
            WATERMARK FOR happened AS happened - INTERVAL '{bound_ms / 1000:.3f}' SECOND(3)
        ) WITH ({_options(options)})"""


def sink(kafka: KafkaSettings, name: str, topic: Topic, columns: str, *, guarantee: str, value_format: str) -> str:
    """A table whose `symbol` is the key."""
    options = {
        **_kafka(kafka),
        "topic": full_name(topic, kafka.topic_prefix),
        "key.format": "raw",
        "key.fields": "symbol" if value_format == "json" else "k",
        "value.format": value_format,
        "properties.linger.ms": "2",
        "properties.compression.type": "lz4",
        "sink.delivery-guarantee": guarantee,
    }
    if value_format == "raw":
        options["value.fields-include"] = "EXCEPT_KEY"
    if guarantee == "exactly-once":
        options["sink.transactional-id-prefix"] = f"{group_prefix(Role.TA, kafka.topic_prefix)}-comparison"
        options["properties.transaction.timeout.ms"] = str(load(JobSettings).transaction_timeout_ms)
    return f"CREATE TABLE {name} ({columns}) WITH ({_options(options)})"


def _kafka(kafka: KafkaSettings) -> dict[str, str]:
    return {
        "connector": "kafka",
        **{f"properties.{key}": value for key, value in connection_properties(kafka).items()},
    }


def _options(options: Mapping[str, str]) -> str:
    quoted = (f"'{key}' = '{value.replace(chr(39), chr(39) * 2)}'" for key, value in options.items())
    return ", ".join(quoted)
